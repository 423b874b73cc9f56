"""Every colour of nascope's figures, and the look of each cell: the same on the page and in print.

The hues are Okabe and Ito's (2008), which readers with any common colour vision can tell apart.
Yellow and black are left out, since they vanish on a white or a dark ground. The others are
darkened or lightened, so that a name written in them has a contrast of 4.5:1 with its ground.
Dashes and markers repeat the distinction for print without colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#c25400", "#00805c", "#b34d86"
ORANGE, SKY_BLUE, DARK_GREY, VIOLET = "#8f6400", "#3a77a6", "#666666", "#7151b3"
PALE_BLUE, NIGHT_BLUE = "#4db2ee", "#00315f"
_HUES = (  # on white, on dark; the original's comes first
    (BLUE, PALE_BLUE),
    (VERMILION, "#ff8a3d"),
    (GREEN, "#2fce9f"),
    (PURPLE, "#ee9dca"),
    (ORANGE, "#f0b73a"),
    (SKY_BLUE, "#8fc7f0"),
    (DARK_GREY, "#b5b5b5"),
    (VIOLET, "#b79cf0"),
)

INK, NOTE, FAINT = "#111111", "#555555", "#bbbbbb"
"""Letters, remarks, and the frames of empty panels."""
GREY = "#7b7b7b"  # edges and labels: a contrast of 4.2:1 both on white and on near-black
WARNING, GROUND = "#9a3412", "#f7f7f5"
"""The hatching of points that are not finite, and what lies behind it."""

FILLS = {  # the same hues, lightened: dark text on each has a contrast of 7:1 or more
    "sep": "#8cc4e8",
    "dil": "#7fd0b4",
    "conv": "#e9b3d2",
    "max": "#f3c164",
    "avg": "#f4e98c",
    "skip": "#e4e4e4",
    "node": "#ffffff",
    "end": "#cfcfcf",  # inputs and output
}
"""The boxes of a drawn cell, by kind of operation or of node."""

CENSUS = ("#f2f6fa", "#2b6ca3")  # one hue, by lightness
"""From rare to common wirings."""
DISC = FILLS["max"]  # with the number of a census' cells
SEARCH = ("#2b6ca3", "#c45a00")
"""The curves of a search: normal and reduction cells."""

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
    "#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c",
    "#22a884", "#44bf70", "#7ad151", "#bddf26", "#fde725",
)  # fmt: skip
CIVIDIS = (
    "#00224e", "#083370", "#35456c", "#4f576c", "#666970", "#7d7c78",
    "#948e77", "#aea371", "#c8b866", "#e5cf52", "#fee838",
)  # fmt: skip
"""Matplotlib's perceptually uniform maps, at equal steps from low to high."""
COLOUR_MAPS = {"landscape": VIRIDIS, "variance": CIVIDIS}
"""The colours of each kind of grid."""
DIVERGING = ("#00476f", "#4f9cc8", "#f7f7f7", "#e08a4a", "#8a3b00")
"""From smaller through equal to larger."""


@dataclass(frozen=True)
class CellLook:
    """How a cell is drawn everywhere: ``colour`` on a white ground, ``dark`` on a dark one."""

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


def cell_look(index: int) -> CellLook:
    """Return the look of a family's member: 0 is the original, solid and heavier than its variants.

    Colours repeat after seven variants, with another dash and marker, so that 28 variants differ.
    """
    if index == 0:
        colour, dark = _HUES[0]
        return CellLook(colour, dark, "solid", "circle", 3.0)
    turn, place = divmod(index - 1, len(_HUES) - 1)
    colour, dark = _HUES[1 + place]
    dash = _DASHES[1 + (place + turn) % (len(_DASHES) - 1)]
    marker = _MARKERS[1 + (place + turn) % (len(_MARKERS) - 1)]
    return CellLook(colour, dark, dash, marker, 1.8)


def colours_at(stops: Sequence[str], positions: Sequence[float]) -> list[str]:
    """Return the colours of a map at positions in [0, 1], interpolated between its stops.

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


def operation_fill(operation: str) -> str:
    """Return the fill of an operation's box.

    >>> operation_fill("sep_conv_3x3") == FILLS["sep"]
    True
    """
    return FILLS[operation.split("_", maxsplit=1)[0]]
