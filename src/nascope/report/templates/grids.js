// Loss contours and gradient-variance maps: one panel a cell, all on the same levels.

function placeOf(value, scale) { return scale.base ? Math.log(value) / Math.log(scale.base) : value; }

// A grid on its scale: places for the colours, words for the hover, and the points that are lost.
function onScale(figure, scale) {
  const lost = [];
  const words = figure.z.map((row) => row.map((value) => (typeof value === "number" ? value.toPrecision(4) : value)));
  const places = figure.z.map((row, j) => row.map((value, i) => {
    if (typeof value !== "number" || (scale.base && value <= 0)) { lost.push([i, j]); return null; }
    return placeOf(value, scale);
  }));
  return { places, words, lost };
}

// Borders half-way between the points; the outermost cells are cut at the grid's edge.
function borders(points) {
  const inner = points.slice(1).map((point, index) => (point + points[index]) / 2);
  return [points[0], ...inner, points[points.length - 1]];
}

function colourscale(scale) {
  return scale.stops.map((colour, index) => [index / (scale.stops.length - 1), colour]);
}

// Points that are not finite are results: hatched, never filled in.
function hatching(figure, lost, colours) {
  const xs = borders(figure.x), ys = borders(figure.y), x = [], y = [];
  for (const [i, j] of lost) {
    x.push(xs[i], xs[i + 1], xs[i + 1], xs[i], xs[i], null);
    y.push(ys[j], ys[j], ys[j + 1], ys[j + 1], ys[j], null);
  }
  return {
    x, y, mode: "lines", line: { width: 0 }, fill: "toself", hoverinfo: "skip",
    fillpattern: { shape: "/", size: 5, solidity: 0.25, fgcolor: colours.muted, bgcolor: colours.ground },
  };
}

function gridTraces(figure, scale, colours) {
  const { places, words, lost } = onScale(figure, scale);
  const common = {
    x: figure.x, y: figure.y, z: places, text: words, colorscale: colourscale(scale), showscale: false, zauto: false,
    zmin: scale.start - scale.step / 2, zmax: scale.end + scale.step / 2, hoverongaps: false,
    hovertemplate: `α %{x:.2f}, β %{y:.2f}<br>${scale.name} %{text}<extra></extra>`,
  };
  const traces = [];
  if (figure.kind === "landscape") {
    traces.push({ ...common, type: "contour", autocontour: false, contours: { start: scale.start, end: scale.end, size: scale.step, coloring: "fill" }, line: { width: 0.6, color: "rgba(255,255,255,.55)", smoothing: 0.4 } });
    if (DATA.level !== null) {
      const at = placeOf(DATA.level, scale);
      traces.push({ ...common, type: "contour", autocontour: false, hoverinfo: "skip", hovertemplate: undefined, contours: { start: at, end: at, size: 1, coloring: "none" }, line: { width: 2.4, color: "#fff", smoothing: 0.4 } });
      traces.push({ ...common, type: "contour", autocontour: false, hoverinfo: "skip", hovertemplate: undefined, contours: { start: at, end: at, size: 1, coloring: "none" }, line: { width: 1.2, color: "#000", smoothing: 0.4 } });
    }
  } else {
    traces.push({ ...common, type: "heatmap" });
  }
  if (lost.length) traces.push(hatching(figure, lost, colours));
  traces.push({ x: [0], y: [0], mode: "markers", hoverinfo: "skip", marker: { symbol: "cross-thin", size: 8, line: { width: 1.6, color: "#fff" } } });
  return traces;
}

function drawGrid(element, figure) {
  const colours = theme(), scale = DATA.scales[figure.kind];
  const layout = baseLayout(colours);
  const small = element.clientWidth < 200;
  const axis = (points) => ({
    range: [points[0], points[points.length - 1]], constrain: "domain", zeroline: false, showgrid: false, fixedrange: true,
    ticks: "outside", ticklen: 3, tickcolor: colours.line, nticks: 5, tickfont: { size: small ? 9 : 10 },
  });
  layout.margin = small ? { l: 26, r: 4, t: 4, b: 28 } : { l: 34, r: 6, t: 4, b: 34 };
  layout.xaxis = { ...axis(figure.x), title: { text: "α", standoff: 2 } };
  layout.yaxis = { ...axis(figure.y), title: { text: "β", standoff: 2 }, scaleanchor: "x" };
  return Plotly.react(element, gridTraces(figure, scale, colours), layout, CONFIG);
}
