"""Two plots as SVG: a census as a heat map with cells on it, and curves along a search.

Like the drawings they hold their own colours and read on a light page, on a dark one and on paper.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from html import escape

from nascope._src.cells.spaces.census import Census, Point
from nascope._src.errors import GenotypeError
from nascope._src.palette import CENSUS, DISC, GREY, INK, SEARCH, colours_at

_FONT = "font-family='Helvetica,Arial,DejaVu Sans,sans-serif'"
_TILE_W, _TILE_H, _LEFT, _TOP = 128, 50, 84, 44


def census_svg(
    census: Census,
    *,
    convention: str = "fractional",
    named: Mapping[str, Point] | None = None,
    crowd: Mapping[str, Point] | None = None,
    title: str | None = None,
) -> str:
    """A census as a heat map of width and depth, with cells on it.

    Each tile shows its share of the space, darker for more (on a logarithmic scale).

    Args:
        convention: of width, ``fractional`` or ``strict``.
        named: cells whose names are written on their tile.
        crowd: cells that are only counted: a disc with their number.

    Who stands where is said in the label that is read aloud, and of each tile under the pointer.
    """
    table = {at: n for at, n in census.marginal(convention).items() if at[1]}
    if not table:
        raise GenotypeError(f"the space {census.space} has no cell to draw")
    depths = sorted({depth for _, depth in table})
    widths = sorted({width for width, _ in table}, reverse=True)
    on_tile, crowds = (_by_tile(cells or {}, convention) for cells in (named, crowd))
    total = sum(table.values())
    rarest, commonest = min(table.values()), max(table.values())
    parts, told = [], []
    for row, width in enumerate(widths):
        y = _TOP + row * _TILE_H
        parts.append(_text(_LEFT - 10, y + _TILE_H / 2 + 4, f"{float(width):.3g}c", "end", GREY))
        for column, depth in enumerate(depths):
            x: float = _LEFT + column * _TILE_W
            count = table.get((width, depth), 0)
            if not count:
                continue
            scale = (
                math.log(count / rarest) / math.log(commonest / rarest) if rarest < commonest else 1
            )
            names, others = (cells.get((width, depth), []) for cells in (on_tile, crowds))
            where = f"width {float(width):.3g}c, depth {depth}"
            held = ", ".join([*names, *others])
            told += [f"{where}: {held}"] if held else []
            parts.append(
                _tile(
                    (x, y),
                    share=count / total,
                    shade=0.75 * scale,
                    names=names,
                    crowd=len(others),
                    title=f"{where}: {count:,} wirings" + (f"; {held}" if held else ""),
                )
            )
    for column, depth in enumerate(depths):
        x = _LEFT + (column + 0.5) * _TILE_W
        parts.append(_text(x, _TOP + len(widths) * _TILE_H + 18, str(depth), "middle", GREY))
    right, bottom = _LEFT + len(depths) * _TILE_W, _TOP + len(widths) * _TILE_H
    title = title or f"{census.space}, {census.nodes} nodes: share of {total:,} cells"
    parts.append(_text(_LEFT, 26, title, "start", GREY, size=14))
    parts.append(_text((_LEFT + right) / 2, bottom + 38, "depth", "middle", GREY))
    middle = (_TOP + bottom) / 2
    parts.append(
        f"<g transform='rotate(-90 18 {middle:g})'>"
        + _text(18, middle, f"{convention} width", "middle", GREY)
        + "</g>"
    )
    width_of_all = max(right + 14, _LEFT + 8 * len(title))
    return _svg(width_of_all, bottom + 50, parts, title, label="; ".join([title, *told]))


def _by_tile(cells: Mapping[str, Point], convention: str) -> dict[tuple[Fraction, int], list[str]]:
    found: dict[tuple[Fraction, int], list[str]] = {}
    for name, at in cells.items():
        found.setdefault((at.width(convention), at.depth), []).append(name)
    return found


def _tile(
    corner: tuple[float, float],
    *,
    share: float,
    shade: float,
    names: Sequence[str],
    crowd: int,
    title: str,
) -> str:
    x, y = corner
    (fill,) = colours_at(CENSUS, [shade])
    out = f"<g><title>{_clean(title)}</title>"
    out += (
        f"<rect x='{x + 1:g}' y='{y + 1:g}' width='{_TILE_W - 2}' height='{_TILE_H - 2}' rx='3' "
        f"fill='{fill}' stroke='{GREY}' stroke-width='.5'/>"
    )
    out += _text(x + 8, y + 17, f"{100 * share:.2g} %", "start", INK, size=11)
    label = ", ".join(names)
    if label:
        size = min(12.0, (_TILE_W - 14) / (0.58 * len(label)))
        out += _text(x + 8, y + _TILE_H - 10, label, "start", INK, size=size, bold=True)
    if crowd:
        radius = 8 + min(6.0, math.sqrt(crowd))
        cx, cy = x + _TILE_W - 18, y + 17
        out += (
            f"<circle cx='{cx:g}' cy='{cy:g}' r='{radius:.1f}' fill='{DISC}' stroke='{INK}'/>"
            + _text(cx, cy + 4, str(crowd), "middle", INK, size=11)
        )
    return out + "</g>"


# ---------------------------------------------------------------- a search's curve

_DASHES = ("", " stroke-dasharray='6 4'")  # normal, reduction
_PANEL_W, _PANEL_H = 520, 130


def curves_svg(
    epochs: Sequence[int], panels: Mapping[str, Mapping[str, Sequence[float]]], title: str
) -> str:
    """Panels of step curves over the epochs of a search, one above the other.

    Args:
        panels: name of a panel → name of a curve → its value at each epoch.
    """
    parts = [_text(_LEFT, 26, title, "start", GREY, size=14)]
    first, last = min(epochs), max(epochs)
    span = last - first + 1  # an epoch's value lasts until the next
    y = _TOP
    for label, curves in panels.items():
        values = [value for curve in curves.values() for value in curve]
        low, high = min(values), max(values)
        low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
        parts.append(
            f"<rect x='{_LEFT}' y='{y}' width='{_PANEL_W}' height='{_PANEL_H}' fill='#ffffff' "
            f"stroke='{GREY}'/>"
        )
        parts.append(_text(_LEFT - 8, y + 30, f"{high:.3g}", "end", GREY))
        parts.append(_text(_LEFT - 8, y + _PANEL_H - 4, f"{low:.3g}", "end", GREY))
        parts.append(_text(_LEFT + 8, y + 18, label, "start", INK))
        for number, (name, curve) in enumerate(curves.items()):
            colour, dashes = SEARCH[number % 2], _DASHES[number % 2]
            points = [
                (
                    _LEFT + _PANEL_W * (epoch - first) / span,
                    y + 26 + (_PANEL_H - 34) * (high - value) / (high - low),
                )
                for epoch, value in zip(epochs, curve, strict=True)
            ]
            path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
            path += "".join(f"H{px:.1f}V{py:.1f}" for px, py in points[1:])
            path += f"H{points[-1][0] + _PANEL_W / span:.1f}"
            parts.append(
                f"<path d='{path}' fill='none' stroke='{colour}' stroke-width='2'{dashes}/>"
            )
            parts.append(
                _text(_LEFT + _PANEL_W - 8, y + 16 + 14 * number, name, "end", colour, size=11)
            )
        y += _PANEL_H + 12
    parts.append(_text(_LEFT, y + 8, str(first), "start", GREY))
    parts.append(_text(_LEFT + _PANEL_W, y + 8, str(last), "end", GREY))
    parts.append(_text(_LEFT + _PANEL_W / 2, y + 8, "epoch of the search", "middle", GREY))
    return _svg(_LEFT + _PANEL_W + 14, y + 20, parts, title)


def _text(
    x: float, y: float, text: str, anchor: str, colour: str, *, size: float = 12, bold: bool = False
) -> str:
    weight = " font-weight='bold'" if bold else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size:.3g}' text-anchor='{anchor}' "
        f"fill='{colour}'{weight}>{_clean(text)}</text>"
    )


def _clean(text: str) -> str:
    return escape("".join(c for c in text if c.isprintable()))


def _svg(
    width: float, height: float, parts: Sequence[str], title: str, *, label: str | None = None
) -> str:
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0f}' height='{height:.0f}' "
        f"viewBox='0 0 {width:.0f} {height:.0f}' style='max-width:100%;height:auto' role='img' "
        f"aria-label='{_clean(label or title)}' {_FONT}><title>{_clean(title)}</title>"
        f"{''.join(parts)}</svg>"
    )
