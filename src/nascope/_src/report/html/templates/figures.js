// Draws the figures, which come ready for plotly except for colours of the theme and shared parts.

const CONFIG = { displayModeBar: false, responsive: false, showTips: false };

function isObject(value) { return value !== null && typeof value === "object" && !Array.isArray(value); }

function merged(...parts) {
  const whole = {};
  for (const part of parts) for (const [name, value] of Object.entries(part ?? {})) {
    whole[name] = isObject(value) && isObject(whole[name]) ? merged(whole[name], value) : value;
  }
  return whole;
}

// Colours that begin with "@" name a cell or a variable of the style sheet.
function painted(value, name = "") {
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, painted(part, key)]));
  return typeof value === "string" && value.startsWith("@") && name.endsWith("color") ? colourOf(value) : value;
}

function traceOf(figure, like, own) {
  const trace = painted(merged(DATA.kinds[figure.kind].traces?.[like], own));
  if (Number.isInteger(trace.x)) trace.x = figure.x[trace.x];
  return trace.type ? { ...figure.data, ...trace } : trace; // those of grids show its data
}

function layoutOf(...parts) {
  const layout = painted(merged(DATA.layout, ...parts));
  layout.font.family = getComputedStyle(document.body).fontFamily;
  return layout;
}

function drawFigure(element, figure, hidden) {
  const kind = DATA.kinds[figure.kind], { width = 0, height = 0, layout } = kind.small ?? {};
  const small = element.clientWidth < width || element.clientHeight < height;
  const traces = figure.traces.filter((trace) => !hidden.has(trace.cell)).map((trace) => traceOf(figure, trace.like, trace));
  return Plotly.react(element, traces, layoutOf(DATA.axes, kind.layout, figure.layout, small ? layout : {}), CONFIG);
}
