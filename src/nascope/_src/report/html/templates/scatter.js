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

// Round numbers from low to high, three at least: on a logarithmic axis seldom powers of ten alone.
function roundTicks(low, high, log) {
  const inside = (values) => values.filter((v) => v >= low - 1e-9 * Math.abs(low) && v <= high + 1e-9 * Math.abs(high));
  if (log) {
    const decades = [];
    for (let at = Math.floor(Math.log10(low)); at <= Math.log10(high); at += 1) decades.push(at);
    for (const parts of decades.length > 4 ? [[1]] : [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]]) {
      const found = inside(decades.flatMap((at) => parts.map((part) => Number((part * 10 ** at).toPrecision(3)))));
      if (found.length > 2) return found;
    }
  }
  const rough = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((part) => part * unit >= rough);
  return inside([...Array(12).keys()].map((k) => Number(((Math.ceil(low / step) + k) * step).toPrecision(12))));
}

function ticksAt(ticks) {
  return { tickmode: "array", tickvals: ticks, ticktext: ticks.map((tick) => tick.toLocaleString("en", { maximumSignificantDigits: 4 })) };
}

// What diverged or is not finite has no number: it stands beyond the finite ones, on the worse side.
function rangeOf(figure, points) {
  const on = (y) => (figure.log ? Math.log10(y) : y), back = (at) => (figure.log ? 10 ** at : at);
  const known = points.filter((point) => !("lost" in point)).map((point) => on(point.y));
  const lost = known.length < points.length, up = figure.worst === "high";
  const low = known.length ? Math.min(...known) : 0, high = known.length ? Math.max(...known) : 1;
  const span = high > low ? high - low : 0.1 * Math.abs(high) || 1, from = low - 0.18 * span, to = high + 0.18 * span;
  const edge = up ? to + 0.12 * span : from - 0.12 * span, beyond = up ? edge + 0.1 * span : edge - 0.1 * span;
  const ticks = known.length ? roundTicks(back(from), back(to), figure.log) : [];
  return { lost, edge, at: back(edge), rim: back(up ? to : from), ticks, range: !lost ? [from, to] : up ? [from, beyond] : [beyond, to] };
}

function drawScatter(element, figure, hidden) {
  const colours = theme(), layout = smallLayout(colours, figure);
  const shown = figure.points.filter((point) => !hidden.has(point.cell));
  const places = besideEachOther(shown);
  // names of neighbours stand above and below in turn, so as not to run into each other
  const named = shown.filter((point) => point.original && !("lost" in point)).sort((a, b) => a.x - b.x);
  const side = (point) => (("lost" in point ? figure.worst === "high" : named.indexOf(point) % 2) ? "bottom center" : "top center");
  const range = rangeOf(figure, shown);
  const trace = (lost) => {
    const at = [...shown.keys()].filter((k) => ("lost" in shown[k]) === lost), points = at.map((k) => shown[k]);
    const cells = points.map((point) => DATA.cells[point.cell]);
    const told = (point) => (lost ? `${point.lost}${point.of < point.seeds ? ` in ${point.of} of ${point.seeds} seeds` : ""}` : point.y.toPrecision(4));
    return {
      x: at.map((k) => places[k]), y: points.map((point) => (lost ? range.at : point.y)), mode: "markers+text", hovertemplate: "%{hovertext}<extra></extra>",
      text: points.map((point) => (point.original ? escaped(point.family) : "")), textposition: points.map(side), textfont: { size: 9, color: colours.muted }, cliponaxis: false,
      hovertext: points.map((point, k) => `${escaped(cells[k].label)}: ${told(point)}<br>width ${point.width} c, depth ${point.depth}, ${point.seeds} seed${point.seeds > 1 ? "s" : ""}`),
      marker: {
        color: cells.map(cellColour), symbol: lost ? "circle-x-open" : cells.map((cell) => cell.marker),
        size: points.map((point) => (point.original ? 11 : 8)), line: { width: points.map((point) => (point.original ? 2 : lost ? 1.5 : 0)), color: lost ? cells.map(cellColour) : colours.ink },
      },
    };
  };
  layout.yaxis = { ...layout.yaxis, type: figure.log ? "log" : "linear", range: range.range, ...ticksAt(range.ticks) };
  const xs = shown.map((point) => point.x);
  if (xs.length) {
    const least = Math.min(...xs), most = Math.max(...xs), room = 0.2 * (most - least) || 0.5;  // for names at the rim
    layout.xaxis.range = [least - room, most + room];
    if (most - least < 8) layout.xaxis.dtick = 1;
  }
  layout.hovermode = "closest";
  const traces = [trace(false)];
  if (range.lost) {
    traces.push(trace(true));
    layout.shapes = [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: range.rim, y1: range.rim, line: { color: colours.line, width: 1, dash: "dot" } }];
    layout.annotations = [{ xref: "paper", x: 0, xanchor: "right", y: range.edge, text: shown.every((point) => (point.lost ?? "diverged") === "diverged") ? "diverged" : "not finite", showarrow: false, font: { size: 10, color: colours.warn } }];
  }
  return Plotly.react(element, traces, layout, CONFIG);
}

function drawLines(element, figure, hidden) {
  const colours = theme(), layout = smallLayout(colours, figure);
  layout.yaxis = { ...layout.yaxis, type: "log", dtick: 1, exponentformat: "power", title: { text: figure.y_axis, standoff: 4 } };
  const values = figure.lines.flatMap((line) => line.y.filter((y) => y > 0)), low = Math.min(...values), high = Math.max(...values);
  if (values.length && high > low && high / low < 100) Object.assign(layout.yaxis, ticksAt(roundTicks(low, high, true)));
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
  const most = Math.max(0.1, ...figure.regret.filter((r) => r !== null));
  layout.yaxis2 = { ...layout.yaxis, overlaying: "y", side: "right", title: { text: "regret (points)", standoff: 4 }, range: [-0.05 * most, 1.05 * most], tickmode: "auto", nticks: 5, showgrid: false };
  layout.margin.r = 48;
  layout.showlegend = true;
  layout.legend = { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 11 } };
  layout.margin.t = 28;
  layout.hovermode = "x unified";
  const accent = getComputedStyle(ROOT).getPropertyValue("--accent").trim();
  const traces = [
    { x: figure.x, y: figure.rho, name: "ρ", mode: "lines+markers", line: { color: accent, width: 2 }, marker: { size: 6 }, text: figure.text.map(escaped), hovertemplate: "%{y:.2f}<br>%{text}" },
    { x: figure.x, y: figure.regret, name: "regret", yaxis: "y2", mode: "lines+markers", line: { color: colours.warn, width: 2, dash: "dash" }, marker: { size: 6, symbol: "square" }, hovertemplate: "%{y:.2f} points" },
  ];
  return Plotly.react(element, traces, layout, CONFIG);
}
