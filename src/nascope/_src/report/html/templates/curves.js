// Training curves: a mean for each cell, its interval, its seeds, and where a trial diverged.

function curveTraces(figure, hidden) {
  const crowded = figure.lines.length > 12;
  return figure.lines.filter((line) => !hidden.has(line.cell)).flatMap((line) => {
    const cell = DATA.cells[line.cell], colour = cellColour(cell), name = escaped(cell.label);
    const epochs = (values) => line.x.slice(0, values.length);
    const traces = [];
    if (line.low) {
      traces.push(
        { x: epochs(line.low), y: line.low, mode: "lines", line: { width: 0 }, hoverinfo: "skip" },
        { x: epochs(line.high), y: line.high, mode: "lines", line: { width: 0 }, hoverinfo: "skip", fill: "tonexty", fillcolor: translucent(colour, 0.14) },
      );
    }
    if (line.seeds.length > 1) {
      for (const seed of line.seeds) {
        traces.push({ x: epochs(seed.y), y: seed.y, mode: "lines", line: { color: translucent(colour, 0.35), width: 0.8 }, hoverinfo: "skip" });
      }
    }
    traces.push({
      x: epochs(line.mean), y: line.mean, name, mode: "lines+markers",
      line: { color: colour, dash: cell.dash, width: crowded ? cell.width * 0.6 : cell.width },
      marker: { color: colour, symbol: cell.marker, size: cell.width > 2 ? 7 : 6, maxdisplayed: 8 },
      hovertemplate: "%{y:.4g}",
    });
    return traces;
  });
}

// after the others, so that no line covers it
function divergedTrace(figure, hidden) {
  const x = [], y = [], text = [], colours = [];
  const known = figure.lines.flatMap((line) => line.seeds.flatMap((seed) => seed.y)).filter((value) => value !== null);
  const edge = known.length ? (figure.worst === "high" ? Math.max(...known) : Math.min(...known)) : 1;
  for (const line of figure.lines) {
    if (hidden.has(line.cell)) continue;
    for (const lost of line.diverged) {
      x.push(lost.epoch);
      y.push(lost.y ?? edge);
      text.push(`${escaped(DATA.cells[line.cell].label)}, seed ${lost.seed}: diverged at epoch ${lost.epoch}`);
      colours.push(cellColour(DATA.cells[line.cell]));
    }
  }
  return { x, y, text, mode: "markers", hovertemplate: "%{text}<extra></extra>", marker: { symbol: "x-thin", size: 11, line: { width: 2.5, color: colours } } };
}

function drawCurve(element, figure, hidden) {
  const colours = theme();
  const traces = curveTraces(figure, hidden);
  const lost = divergedTrace(figure, hidden);
  if (lost.x.length) traces.push(lost);
  const axis = { gridcolor: colours.grid, linecolor: colours.line, zeroline: false, ticks: "", fixedrange: true };
  const layout = baseLayout(colours);
  const small = element.clientHeight < 240;
  if (small) layout.font.size = 10;
  const longest = Math.max(1, ...figure.lines.flatMap((line) => line.x));
  layout.xaxis = { ...axis, title: { text: "epoch", standoff: 6 }, range: [-0.03 * longest, longest + 0.03 * longest + 0.2], tickformat: "d", dtick: longest <= 12 ? (longest <= 6 ? 1 : 2) : undefined, tick0: 0, hoverformat: ".3~g" };
  layout.yaxis = { ...axis, title: { text: figure.axis, standoff: small ? 4 : 8, font: { size: small ? 10 : 13 } }, type: figure.log ? "log" : "linear", automargin: true, dtick: figure.log ? "D2" : undefined };
  layout.hovermode = figure.lines.length > 12 ? "closest" : "x unified";
  if (!traces.some((trace) => trace.x.length)) layout.annotations = [{ text: "no epoch completed yet", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }];
  return Plotly.react(element, traces, layout, CONFIG);
}
