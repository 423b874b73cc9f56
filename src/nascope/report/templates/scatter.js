// Wirings against width or depth, and what a search picks by the epoch at which it stops.

function smallLayout(colours, figure) {
  const layout = baseLayout(colours);
  layout.font.size = 11;
  layout.margin = { l: 48, r: 10, t: 8, b: 36 };
  const axis = { gridcolor: colours.grid, linecolor: colours.line, zeroline: false, ticks: "", fixedrange: true, automargin: true };
  layout.xaxis = { ...axis, title: { text: figure.x_axis, standoff: 4 } };
  layout.yaxis = { ...axis, title: { text: "", standoff: 4 } };
  return layout;
}

// wirings of equal width would hide each other: spread by their place, not at random
function besideEachOther(points) {
  const met = new Map();
  return points.map((point) => {
    const count = met.get(point.x) ?? 0;
    met.set(point.x, count + 1);
    return point.x + 0.04 * (count % 2 ? -1 : 1) * Math.ceil(count / 2);
  });
}

// What diverged has no number: it stands beyond the finite ones, on the worse side.
function worstEdge(figure, known) {
  const on = (y) => (figure.log ? Math.log10(y) : y), values = known.map((point) => on(point.y));
  const low = Math.min(...values), high = Math.max(...values), finite = values.length > 0;
  const span = finite && high > low ? high - low : 1;
  const [from, to] = finite ? [low - 0.12 * span, high + 0.12 * span] : [0, 1];
  const up = figure.worst === "high", edge = up ? to + 0.1 * span : from - 0.1 * span;
  return { edge, rim: up ? to : from, range: up ? [from, edge + 0.08 * span] : [edge - 0.08 * span, to], back: (at) => (figure.log ? 10 ** at : at) };
}

function drawScatter(element, figure, hidden) {
  const colours = theme(), layout = smallLayout(colours, figure);
  const shown = figure.points.filter((point) => !hidden.has(point.cell));
  const places = besideEachOther(shown);
  const trace = (lost, worst) => {
    const at = [...shown.keys()].filter((k) => ("lost" in shown[k]) === lost), points = at.map((k) => shown[k]);
    const cells = points.map((point) => DATA.cells[point.cell]);
    const told = (point) => (lost ? `${point.lost}${point.of < point.seeds ? ` in ${point.of} of ${point.seeds} seeds` : ""}` : point.y.toPrecision(4));
    return {
      x: at.map((k) => places[k]), y: points.map((point) => (lost ? worst.back(worst.edge) : point.y)), mode: "markers+text", hovertemplate: "%{hovertext}<extra></extra>",
      text: points.map((point) => (point.original ? escaped(point.family) : "")), textposition: lost && figure.worst === "high" ? "bottom center" : "top center", textfont: { size: 9, color: colours.muted }, cliponaxis: false,
      hovertext: points.map((point, k) => `${escaped(cells[k].label)}: ${told(point)}<br>width ${point.width} c, depth ${point.depth}, ${point.seeds} seed${point.seeds > 1 ? "s" : ""}`),
      marker: {
        color: cells.map(cellColour), symbol: lost ? "circle-x-open" : cells.map((cell) => cell.marker),
        size: points.map((point) => (point.original ? 11 : 8)), line: { width: points.map((point) => (point.original ? 2 : lost ? 1.5 : 0)), color: lost ? cells.map(cellColour) : colours.ink },
      },
    };
  };
  layout.yaxis.type = figure.log ? "log" : "linear";
  if (figure.log) { layout.yaxis.dtick = "D2"; }
  layout.hovermode = "closest";
  const traces = [trace(false)];
  if (shown.some((point) => "lost" in point)) {
    const worst = worstEdge(figure, shown.filter((point) => !("lost" in point)));
    traces.push(trace(true, worst));
    layout.yaxis.range = worst.range;
    layout.shapes = [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: worst.back(worst.rim), y1: worst.back(worst.rim), line: { color: colours.line, width: 1, dash: "dot" } }];
    layout.annotations = [{ xref: "paper", x: 0, xanchor: "right", y: worst.edge, text: "diverged", showarrow: false, font: { size: 10, color: colours.warn } }];
  }
  return Plotly.react(element, traces, layout, CONFIG);
}

function drawLines(element, figure, hidden) {
  const colours = theme(), layout = smallLayout(colours, figure);
  layout.yaxis = { ...layout.yaxis, type: "log", dtick: 1, exponentformat: "power", title: { text: figure.y_axis, standoff: 4 } };
  layout.hovermode = "closest";
  const traces = figure.lines.filter((line) => !hidden.has(line.cell)).map((line) => {
    const cell = DATA.cells[line.cell];
    return {
      x: line.x, y: line.y, name: escaped(cell.label), mode: figure.marks ? "lines+markers" : "lines",
      line: { color: cellColour(cell), dash: cell.dash, width: 0.7 * cell.width }, marker: { symbol: cell.marker, size: 6 },
      hovertemplate: "%{x}: %{y:.3g}",
    };
  });
  return Plotly.react(element, traces, layout, CONFIG);
}

function drawSelection(element, figure) {
  const colours = theme(), layout = smallLayout(colours, { x_axis: "epoch at which the search stops" });
  layout.yaxis = { ...layout.yaxis, title: { text: "rank correlation ρ", standoff: 4 }, range: [-1.05, 1.05] };
  layout.yaxis2 = { ...layout.yaxis, overlaying: "y", side: "right", title: { text: "regret (points)", standoff: 4 }, range: [-0.05, 1.1 * Math.max(0.1, ...figure.regret.filter((r) => r !== null))], nticks: 5, showgrid: false };
  layout.margin.r = 48;
  layout.showlegend = true;
  layout.legend = { orientation: "h", y: 1.12, x: 0, font: { size: 11 } };
  layout.margin.t = 26;
  layout.hovermode = "x unified";
  const accent = getComputedStyle(ROOT).getPropertyValue("--accent").trim();
  const traces = [
    { x: figure.x, y: figure.rho, name: "ρ of early with final", mode: "lines+markers", line: { color: accent, width: 2 }, marker: { size: 6 }, text: figure.text, hovertemplate: "%{y:.2f}<br>%{text}" },
    { x: figure.x, y: figure.regret, name: "regret", yaxis: "y2", mode: "lines+markers", line: { color: colours.warn, width: 2, dash: "dash" }, marker: { size: 6, symbol: "square" }, hovertemplate: "%{y:.2f} points" },
  ];
  return Plotly.react(element, traces, layout, CONFIG);
}
