"use strict";
// Light and dark, for the page and for what plotly draws on it.

const DATA = JSON.parse(document.getElementById("data").textContent);
const ROOT = document.documentElement;
const darkWished = window.matchMedia("(prefers-color-scheme: dark)");

function isDark() { return ROOT.dataset.theme === "dark"; }

function setTheme(dark) { ROOT.dataset.theme = dark ? "dark" : "light"; }

setTheme(darkWished.matches);

function cellColour(cell) { return isDark() ? cell.dark : cell.colour; }

function theme() {
  const style = getComputedStyle(ROOT);
  const read = (name) => style.getPropertyValue(name).trim();
  return { ink: read("--ink"), muted: read("--muted"), grid: read("--grid"), line: read("--line"), card: read("--card"), warn: read("--warn"), ground: read("--ground") };
}

function translucent(colour, alpha) {
  const part = (at) => parseInt(colour.slice(at, at + 2), 16);
  return `rgba(${part(1)},${part(3)},${part(5)},${alpha})`;
}

function baseLayout(colours) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, autosize: true,
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colours.muted },
    hoverlabel: { bgcolor: colours.card, bordercolor: colours.line, font: { color: colours.ink, size: 12 }, namelength: 24 },
    margin: { l: 52, r: 12, t: 10, b: 40 },
  };
}

const CONFIG = { displayModeBar: false, responsive: false, showTips: false };

// plotly reads a few tags in text it draws: a name must come out as it was written
function escaped(text) { return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); }
