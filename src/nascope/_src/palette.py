"""Colours, dashes and markers: one look per cell, the same on the page and in print.

The hues are Okabe and Ito's (2008), which readers with any common colour vision tell apart,
without yellow and black, which vanish on white or on dark ground, and darkened or lightened so
that a name written in them stands out from its ground by 4.5:1. Dash and marker say the same
again, for print without colour.
"""

from __future__ import annotations

from dataclasses import dataclass

_HUES = (  # on white, on dark
    ("#0072b2", "#4db2ee"),  # blue: the original
    ("#c25400", "#ff8a3d"),  # vermilion
    ("#00805c", "#2fce9f"),  # bluish green
    ("#b34d86", "#ee9dca"),  # reddish purple
    ("#8f6400", "#f0b73a"),  # orange
    ("#3a77a6", "#8fc7f0"),  # sky blue
    ("#666666", "#b5b5b5"),  # grey
    ("#7151b3", "#b79cf0"),  # violet
)
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")  # as plotly names them
_MARKERS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")

_MPL_DASHES = {
    "solid": "-",
    "dash": (0, (5, 2)),
    "dot": (0, (1, 1.5)),
    "dashdot": (0, (5, 1.5, 1, 1.5)),
    "longdash": (0, (9, 2.5)),
}
_MPL_MARKERS = dict(zip(_MARKERS, "osD^PX*h", strict=True))
_SVG_DASHES = {
    "solid": "",
    "dash": "6 3",
    "dot": "1.5 2.5",
    "dashdot": "6 2.5 1.5 2.5",
    "longdash": "10 3.5",
}

_SVG_MARKERS = {  # paths around the origin, about 8 wide
    "circle": "M-4 0A4 4 0 1 0 4 0A4 4 0 1 0-4 0Z",
    "square": "M-3.6-3.6H3.6V3.6H-3.6Z",
    "diamond": "M0-5L5 0L0 5L-5 0Z",
    "triangle-up": "M0-4.8L4.6 3.4H-4.6Z",
    "cross": "M-1.6-4.6H1.6V-1.6H4.6V1.6H1.6V4.6H-1.6V1.6H-4.6V-1.6H-1.6Z",
    "x": "M-4.4-2.2L-2.2-4.4L0-2.2L2.2-4.4L4.4-2.2L2.2 0L4.4 2.2L2.2 4.4L0 2.2"
    "L-2.2 4.4L-4.4 2.2L-2.2 0Z",
    "star": "M0-5.2L1.4-1.7L5-1.6L2.1.7L3.1 4.3L0 2.2L-3.1 4.3L-2.1.7L-5-1.6L-1.4-1.7Z",
    "hexagon": "M0-4.8L4.2-2.4V2.4L0 4.8L-4.2 2.4V-2.4Z",
}

VIRIDIS = (
    "#440154",
    "#482475",
    "#414487",
    "#355f8d",
    "#2a788e",
    "#21918c",
    "#22a884",
    "#44bf70",
    "#7ad151",
    "#bddf26",
    "#fde725",
)
CIVIDIS = (
    "#00224e",
    "#083370",
    "#35456c",
    "#4f576c",
    "#666970",
    "#7d7c78",
    "#948e77",
    "#aea371",
    "#c8b866",
    "#e5cf52",
    "#fee838",
)
"""Perceptually uniform colour maps (matplotlib's), at equal steps from low to high."""


@dataclass(frozen=True)
class Style:
    """How one cell is drawn everywhere. ``colour`` is for white ground, ``dark`` for dark."""

    colour: str
    dark: str
    dash: str
    marker: str
    width: float

    @property
    def svg_dash(self) -> str:
        """The dash as SVG's stroke-dasharray; empty for a solid line."""
        return _SVG_DASHES[self.dash]

    @property
    def mpl_dash(self) -> object:
        """The dash as matplotlib's linestyle."""
        return _MPL_DASHES[self.dash]

    @property
    def svg_marker(self) -> str:
        """The marker as an SVG path around the origin, about 8 wide."""
        return _SVG_MARKERS[self.marker]

    @property
    def mpl_marker(self) -> str:
        """The marker as matplotlib names it."""
        return _MPL_MARKERS[self.marker]


def style(index: int) -> Style:
    """The style of a family's member: 0 is the original, solid and heavier than its variants.

    Colours repeat after seven variants, with another dash and marker: 28 variants differ.
    """
    if index == 0:
        colour, dark = _HUES[0]
        return Style(colour, dark, "solid", "circle", 3.0)
    turn, place = divmod(index - 1, len(_HUES) - 1)
    colour, dark = _HUES[1 + place]
    dash = _DASHES[1 + (place + turn) % (len(_DASHES) - 1)]
    marker = _MARKERS[1 + (place + turn) % (len(_MARKERS) - 1)]
    return Style(colour, dark, dash, marker, 1.8)


def colours_at(stops: tuple[str, ...], positions: list[float]) -> list[str]:
    """Colours of a map at positions in [0, 1], interpolated linearly between its stops.

    >>> colours_at(("#000000", "#ffffff"), [0.0, 0.5])
    ['#000000', '#808080']
    """
    mixed = []
    for position in positions:
        place = min(max(position, 0.0), 1.0) * (len(stops) - 1)
        below = min(int(place), len(stops) - 2)
        share = place - below
        pairs = zip(_rgb(stops[below]), _rgb(stops[below + 1]), strict=True)
        mixed.append("#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs))
    return mixed


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
