"use strict";
// Light and dark, for the page and for what plotly draws on it.

const DATA = JSON.parse(document.getElementById("data").textContent);
const ROOT = document.documentElement;
const darkWished = window.matchMedia("(prefers-color-scheme: dark)");

function isDark() { return ROOT.dataset.theme === "dark"; }

function setTheme(dark) { ROOT.dataset.theme = dark ? "dark" : "light"; }

setTheme(darkWished.matches);

// The colour of a cell or of a variable of the style sheet: "@name", or "@name/opacity".
function colourOf(token) {
  const [name, opacity] = token.slice(1).split("/"), cell = DATA.cells[name];
  const colour = cell ? (isDark() ? cell.dark : cell.colour) : getComputedStyle(ROOT).getPropertyValue(`--${name}`).trim();
  if (!opacity) return colour;
  const part = (at) => parseInt(colour.slice(at, at + 2), 16);
  return `rgba(${part(1)},${part(3)},${part(5)},${opacity})`;
}
