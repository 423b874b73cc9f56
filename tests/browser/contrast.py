"""Contrast of the page's text with what is behind it, as WCAG 2.2 defines it (1.4.3)."""

from __future__ import annotations

from typing import Any

from tests.browser.chromium import Page

# Walks over all visible text; colours and opacities of the ancestors are blended from the outside
# in. Text drawn in a picture is judged by its fill against the background of the picture.
_POOR = """
(() => {
  const rgba = (text) => { const m = text.match(/[\\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const linear = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const colour = (value) => value.startsWith("color(srgb") ? (([r, g, b, a = 1]) => [255 * r, 255 * g, 255 * b, a])(value.match(/[\\d.]+/g).map(Number)) : rgba(value);
  const fillOf = (box) => { const style = getComputedStyle(box); if (style.fill === "none") return [0, 0, 0, 0]; const [r, g, b, a] = colour(style.fill); return [r, g, b, a * style.fillOpacity * style.opacity]; };
  const known = new Map();
  const behindOf = (element) => {
    if (!element) return { ground: [255, 255, 255], opacity: 1 };
    if (!known.has(element)) {
      const style = getComputedStyle(element), outer = behindOf(element.parentElement);
      known.set(element, { ground: over(colour(style.backgroundColor), outer.ground), opacity: outer.opacity * style.opacity });
    }
    return known.get(element);
  };
  const poor = {};
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement, text = walk.currentNode.textContent.trim();
    if (!text || /SCRIPT|STYLE|TITLE|NOSCRIPT/i.test(element.tagName) || !element.checkVisibility() || element.closest(".unseen, :disabled")) continue;
    const { ground, opacity } = behindOf(element);
    const style = getComputedStyle(element), svg = element.closest("svg");
    const box = svg && element.parentElement.querySelector("rect, .bg");
    const behind = box ? over(fillOf(box), ground) : ground;
    const ink = colour(svg ? style.fill : style.color);
    const shown = over([...ink.slice(0, 3), ink[3] * opacity], behind);
    const [a, b] = [luminance(shown), luminance(behind)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) poor[`${element.tagName}.${element.getAttribute("class") ?? ""} in ${element.closest("[id]")?.id}`] = `${ratio.toFixed(2)}: ${text.slice(0, 40)}`;
  }
  return poor;
})()
"""


def poor_contrasts(page: Page) -> dict[str, Any]:
    """The kinds of visible text whose contrast is too low, each with its ratio and an example."""
    found: dict[str, Any] = page.evaluate(_POOR)
    return found
