// Draws figures when they come near the screen, and keeps all of them to what is chosen above.

const hiddenCells = new Set();
const drawn = new Set();

function draw(element) {
  const figure = DATA.figures[element.id];
  drawn.add(element);
  return drawFigure(element, figure, hiddenCells).then(() => {
    element.removeAllListeners?.("plotly_click");
    if (figure.source) element.on?.("plotly_click", ({ points }) => leadToTrials(figure.source, points));
  });
}

// A press on points leads to the trials of their cell, or to all if they are of several cells.
function leadToTrials(groups, points) {
  const cells = new Set(points.map((point) => point.data.cell)), [cell] = cells;
  const paths = groups.split(",").map((group) => cells.size === 1 ? `${group}-${cell}` : group);
  location.hash = `#trials:${paths.join(",")}`;
}

function redraw(elements) {
  for (const element of elements) if (element.offsetParent !== null) draw(element); else { Plotly.purge(element); drawn.delete(element); watcher.observe(element); }
}

// One figure at a time, those on the screen first: between two of them the browser can paint.
const waiting = [];
function drawWaiting() {
  const far = (element) => { const box = element.getBoundingClientRect(); return Math.max(0, box.top - innerHeight, -box.bottom); };
  waiting.sort((a, b) => far(a) - far(b));
  const next = waiting.shift();
  if (next.offsetParent === null) watcher.observe(next); // hidden since
  else if (!drawn.has(next)) draw(next);
  if (waiting.length) setTimeout(drawWaiting);
}

const watcher = new IntersectionObserver((entries) => {
  const near = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target), idle = !waiting.length;
  for (const target of near) watcher.unobserve(target);
  waiting.push(...near);
  if (idle && waiting.length) drawWaiting();
}, { rootMargin: "400px 0px" });

const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const changed = contentRect.width && target.drawnWidth && Math.abs(contentRect.width - target.drawnWidth) > 1;
    if (changed && (drawn.has(target) || !target.id)) Plotly.Plots.resize(target);
    target.drawnWidth = contentRect.width;
  }
});

function toggleCell(key, shown) {
  if (shown) hiddenCells.delete(key); else hiddenCells.add(key);
  for (const chip of document.querySelectorAll(`[data-toggle="${key}"]`)) chip.setAttribute("aria-pressed", String(shown));
  for (const element of document.querySelectorAll(`[data-cell="${key}"]`)) element.classList.toggle("hidden-cell", !shown);
  redraw([...drawn].filter((element) => DATA.figures[element.id].traces.some((trace) => trace.cell === key)));
}

function choose(name, value) {
  for (const element of document.querySelectorAll(`[data-${name}]`)) element.classList.toggle("off", element.dataset[name] !== value);
}

function retheme(dark) {
  setTheme(dark);
  redraw([...drawn]);
  for (const scene of scenes) drawScene(scene);
}

let darkBefore = false;
function beforePrint() {
  darkBefore = isDark();
  ROOT.classList.add("printing");
  setTheme(false);
  for (const details of document.querySelectorAll("details")) { details.dataset.wasOpen = details.open; details.open = true; }
  for (const element of document.querySelectorAll(".plot[id]")) if (element.offsetParent !== null) draw(element);
}

function afterPrint() {
  ROOT.classList.remove("printing");
  for (const details of document.querySelectorAll("details[data-was-open]")) details.open = details.dataset.wasOpen === "true";
  retheme(darkBefore);
}

function prepare() {
  for (const chip of document.querySelectorAll("[data-toggle]")) {
    chip.addEventListener("click", () => toggleCell(chip.dataset.toggle, chip.getAttribute("aria-pressed") !== "true"));
  }
  document.getElementById("show-all").addEventListener("click", () => { for (const key of [...hiddenCells]) toggleCell(key, true); });
  document.getElementById("theme").addEventListener("click", () => retheme(!isDark()));
  darkWished.addEventListener("change", () => retheme(darkWished.matches));
  for (const input of document.querySelectorAll(".switch input")) {
    input.addEventListener("change", () => choose(input.name, input.value));
    if (input.checked) choose(input.name, input.value);
  }
  window.addEventListener("beforeprint", beforePrint);
  window.addEventListener("afterprint", afterPrint);
  prepareTables();
  prepareStages();
  for (const element of document.querySelectorAll(".plot[id]")) { watcher.observe(element); sizes.observe(element); }
  showSource();
}

prepare();
