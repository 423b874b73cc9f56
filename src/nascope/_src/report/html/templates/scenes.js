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

function surfaceTrace(figure) {
  const trace = traceOf(figure, "surface", {}), clipped = (place) => (place === null ? null : Math.min(place, trace.cmax));
  return { ...trace, z: trace.z.map((row) => row.map(clipped)) };
}

async function drawScene(scene) {
  const figure = DATA.figures[scene.id], camera = scenes[0]?.plot.layout?.scene?.camera;
  const layout = { scene: merged(DATA.scene, DATA.kinds[figure.kind].scene, camera && { camera }), margin: { l: 0, r: 0, t: 0, b: 0 } };
  await Plotly.react(scene.plot, [surfaceTrace(figure)], layoutOf(layout), CONFIG);
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

// Turns a surface, and all others with it, about its vertical axis.
async function turn(scene, degrees) {
  const camera = structuredClone(scene.plot.layout.scene.camera), { x, y } = camera.eye, angle = degrees * Math.PI / 180;
  camera.eye.x = x * Math.cos(angle) - y * Math.sin(angle);
  camera.eye.y = x * Math.sin(angle) + y * Math.cos(angle);
  await Plotly.relayout(scene.plot, { "scene.camera": camera });
}

const TURNS = { ArrowLeft: -15, ArrowRight: 15 };

function sceneButton(sign, label, onClick) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "quiet", textContent: sign });
  button.setAttribute("aria-label", label);
  button.addEventListener("click", onClick);
  return button;
}

async function openScene(id, button) {
  while (scenes.length >= MOST_SCENES) releaseScene(scenes[0]);
  const figure = DATA.figures[id], label = button.textContent.trim();
  const box = document.createElement("figure"), caption = document.createElement("figcaption");
  const plot = document.createElement("div"), buttons = document.createElement("div");
  box.className = "scene card"; plot.className = "plot"; buttons.className = "buttons";
  box.dataset.cell = figure.cell;
  caption.textContent = label;
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `Surface of ${DATA.kinds[figure.kind].title}, ${label}`);
  const scene = { id, kind: figure.kind, box, plot, button };
  buttons.append(
    sceneButton("↺", `Turn the surface of ${label} left`, () => turn(scene, TURNS.ArrowLeft)),
    sceneButton("↻", `Turn the surface of ${label} right`, () => turn(scene, TURNS.ArrowRight)),
    sceneButton("×", `Release the surface of ${label}`, () => { releaseScene(scene); button.focus(); }),
  );
  buttons.addEventListener("keydown", (event) => { if (TURNS[event.key]) { event.preventDefault(); turn(scene, TURNS[event.key]); } });
  box.append(caption, buttons, plot);
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
    const empty = DATA.figures[button.dataset.surface].data.z.flat().every((place) => place === null);
    button.disabled = !able || empty;
    if (empty) button.title = "no point of this grid is finite";
    button.addEventListener("click", () => {
      const open = scenes.find((scene) => scene.id === button.dataset.surface);
      if (open) releaseScene(open); else openScene(button.dataset.surface, button);
    });
  }
}
