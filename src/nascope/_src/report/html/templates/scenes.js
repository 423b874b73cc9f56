// Surfaces in three dimensions, on demand. A browser keeps few WebGL contexts and drops the oldest
// without a word: so at most four live at a time, and the oldest is released in the open.

const MOST_SCENES = 4;
const scenes = []; // { id, box, plot, button }, oldest first

function hasWebGL() {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("webgl") || canvas.getContext("experimental-webgl");
  if (!context) return false;
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return true;
}

function releaseScene(scene) {
  const contexts = [...scene.plot.querySelectorAll("canvas")].map((canvas) => canvas.getContext("webgl"));
  Plotly.purge(scene.plot);
  for (const context of contexts) context?.getExtension("WEBGL_lose_context")?.loseContext();
  sizes.unobserve(scene.plot);
  scene.box.remove();
  scene.button.setAttribute("aria-pressed", "false");
  scenes.splice(scenes.indexOf(scene), 1);
}

function surfaceLayout(figure, scale, colours) {
  const layout = baseLayout(colours);
  layout.margin = { l: 0, r: 0, t: 0, b: 0 };
  const axis = { gridcolor: colours.grid, zerolinecolor: colours.grid, backgroundcolor: "rgba(0,0,0,0)", color: colours.muted, showspikes: false, tickfont: { size: 10 } };
  const places = scale.ticks.map((_, index) => scale.start + index * scale.step);
  const named = places.map((_, index) => index).filter((index) => scale.ticks[index] !== "");
  const few = named.filter((_, index) => index % Math.ceil(named.length / 6) === 0);
  layout.scene = {
    xaxis: { ...axis, title: { text: "α" } }, yaxis: { ...axis, title: { text: "β" } },
    zaxis: { ...axis, title: { text: scale.name }, range: [scale.start, scale.end + scale.step / 2], tickvals: few.map((index) => places[index]), ticktext: few.map((index) => scale.ticks[index]) },
    aspectmode: "manual", aspectratio: { x: 1, y: 1, z: 0.75 },
    camera: scenes[0]?.plot.layout?.scene?.camera ?? { eye: { x: 1.15, y: -1.25, z: 0.75 }, center: { x: 0, y: 0, z: -0.14 } },
  };
  return layout;
}

function surfaceTrace(figure, scale) {
  const { places, words } = onScale(figure, scale);
  const low = scale.start - scale.step / 2, high = scale.end + scale.step / 2;
  return {
    type: "surface", x: figure.x, y: figure.y, z: places.map((row) => row.map((place) => (place === null ? null : Math.min(place, high)))),
    text: words, cmin: low, cmax: high, colorscale: colourscale(scale), showscale: false, connectgaps: false,
    hovertemplate: `α %{x:.2f}, β %{y:.2f}<br>${scale.name} %{text}<extra></extra>`,
    contours: { z: { show: true, start: scale.start, end: scale.end, size: scale.step, width: 1, color: "rgba(255,255,255,.5)" } },
    lighting: { ambient: 0.75, diffuse: 0.45, specular: 0.05, roughness: 0.9 },
  };
}

async function drawScene(scene) {
  const figure = DATA.figures[scene.id], scale = DATA.scales[figure.kind];
  await Plotly.react(scene.plot, [surfaceTrace(figure, scale)], surfaceLayout(figure, scale, theme()), CONFIG);
  scene.plot.removeAllListeners?.("plotly_relayouting");
  scene.plot.on("plotly_relayouting", (change) => turnOthers(scene, change["scene.camera"]));
  scene.plot.on("plotly_relayout", (change) => turnOthers(scene, change["scene.camera"]));
}

let turning = false;
async function turnOthers(scene, camera) {
  if (!camera || turning) return;
  turning = true;
  const others = scenes.filter((other) => other !== scene && other.kind === scene.kind);
  await Promise.all(others.map((other) => Plotly.relayout(other.plot, { "scene.camera": camera })));
  turning = false;
}

async function openScene(id, button) {
  while (scenes.length >= MOST_SCENES) releaseScene(scenes[0]);
  const figure = DATA.figures[id], label = button.textContent.trim();
  const box = document.createElement("figure"), caption = document.createElement("figcaption");
  const plot = document.createElement("div"), close = document.createElement("button");
  box.className = "scene card"; plot.className = "plot"; close.className = "quiet";
  box.dataset.cell = figure.cell;
  caption.textContent = label;
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `Surface of ${DATA.scales[figure.kind].title}, ${label}`);
  close.type = "button"; close.textContent = "×"; close.setAttribute("aria-label", `Release the surface of ${label}`);
  box.append(caption, close, plot);
  const scene = { id, kind: figure.kind, box, plot, button };
  close.addEventListener("click", () => { releaseScene(scene); button.focus(); });
  button.closest(".stage").querySelector(".scenes").append(box);
  button.setAttribute("aria-pressed", "true");
  scenes.push(scene);
  await drawScene(scene);
  sizes.observe(plot);
}

function prepareStages() {
  const able = hasWebGL();
  for (const notice of document.querySelectorAll(".no-webgl")) notice.hidden = able;
  for (const button of document.querySelectorAll(".choice")) {
    const empty = DATA.figures[button.dataset.surface].z.flat().every((value) => typeof value !== "number");
    button.disabled = !able || empty;
    if (empty) button.title = "no point of this grid is finite";
    button.addEventListener("click", () => {
      const open = scenes.find((scene) => scene.id === button.dataset.surface);
      if (open) releaseScene(open); else openScene(button.dataset.surface, button);
    });
  }
}
