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

// Borders half-way between the points; the outermost reach as far beyond.
function borders(points) {
  const inner = points.slice(1).map((point, index) => (point + points[index]) / 2), last = points.length - 1;
  return [2 * points[0] - inner[0], ...inner, 2 * points[last] - inner[last - 1]];
}

function colourscale(scale) {
  return scale.stops.map((colour, index) => [index / (scale.stops.length - 1), colour]);
}

// Points that are not finite are results: hatched, never filled in. A map colours each point's own
// cell; contours are drawn between points, so a lost one takes all that reaches to its neighbours.
function hatching(figure, lost, colours) {
  const around = (points) => {
    const edges = borders(points), last = points.length - 1;
    if (figure.kind !== "landscape") return (k) => [edges[k], edges[k + 1]];
    return (k) => [points[Math.max(k - 1, 0)], points[Math.min(k + 1, last)]];
  };
  const across = around(figure.x), along = around(figure.y), x = [], y = [];
  for (const [i, j] of lost) {
    const [left, right] = across(i), [low, high] = along(j);
    x.push(left, right, right, left, left, null);
    y.push(low, low, high, high, low, null);
  }
  return {
    x, y, mode: "lines", line: { width: 0 }, fill: "toself", hoverinfo: "skip",
    fillpattern: { shape: "/", size: 5, solidity: 0.25, fgcolor: colours.warn, bgcolor: colours.ground },
  };
}

function gridTraces(figure, scale, colours) {
  const { places, words, lost } = onScale(figure, scale);
  const common = {
    x: figure.x, y: figure.y, z: places, text: words, colorscale: colourscale(scale), showscale: false, zauto: false,
    zmin: scale.start - scale.step / 2, zmax: scale.end + scale.step / 2, hoverongaps: false,
    hovertemplate: `α %{x:.2f}, β %{y:.2f}<br>${scale.name} %{text}<extra></extra>`,
  };
  const traces = lost.length ? [hatching(figure, lost, colours)] : [];
  if (figure.kind === "landscape") {
    traces.push({ ...common, type: "contour", autocontour: false, contours: { start: scale.start, end: scale.end, size: scale.step, coloring: "fill" }, line: { width: 0.6, color: "rgba(255,255,255,.55)", smoothing: 0.4 } });
    if (figure.level !== null) {
      const at = placeOf(figure.level, scale);
      traces.push({ ...common, type: "contour", autocontour: false, hoverinfo: "skip", hovertemplate: undefined, contours: { start: at, end: at, size: 1, coloring: "none" }, line: { width: 2.4, color: "#fff", smoothing: 0.4 } });
      traces.push({ ...common, type: "contour", autocontour: false, hoverinfo: "skip", hovertemplate: undefined, contours: { start: at, end: at, size: 1, coloring: "none" }, line: { width: 1.2, color: "#000", smoothing: 0.4 } });
    }
  } else {
    traces.push({ ...common, type: "heatmap" });
  }
  traces.push({ x: [0], y: [0], mode: "markers", hoverinfo: "skip", marker: { symbol: "cross-thin", size: 8, line: { width: 1.6, color: "#fff" } } });
  return traces;
}

function drawGrid(element, figure) {
  const colours = theme(), scale = DATA.scales[figure.kind];
  const layout = baseLayout(colours);
  const small = element.clientWidth < 200;
  const axis = (points) => {
    const last = points.length - 1;
    const rim = figure.kind === "landscape" ? [0, 0] : [(points[1] - points[0]) / 2, (points[last] - points[last - 1]) / 2];
    return {
      range: [points[0] - rim[0], points[last] + rim[1]], constrain: "domain", zeroline: false, showgrid: false, fixedrange: true,
      ticks: "outside", ticklen: 3, tickcolor: colours.line, tickfont: { size: small ? 9 : 10 },
      tickvals: [points[0], points[last]], tickformat: ".3~g",
    };
  };
  layout.margin = small ? { l: 26, r: 6, t: 4, b: 26 } : { l: 30, r: 8, t: 4, b: 30 };
  layout.xaxis = { ...axis(figure.x), title: { text: "α", standoff: 0 } };
  layout.yaxis = { ...axis(figure.y), title: { text: "β", standoff: 0 }, scaleanchor: "x" };
  return Plotly.react(element, gridTraces(figure, scale, colours), layout, CONFIG);
}
