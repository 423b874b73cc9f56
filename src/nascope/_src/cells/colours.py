"""Colours of every drawing of cells and of the plots of spaces and searches.

They read on a light page, on a dark one and on paper. The hues are Okabe and Ito's (2008), which
colour-blind readers can tell apart.
"""

FILLS = {  # lightened, so that the contrast of dark text with each is at least 7:1
    "sep": "#8cc4e8",
    "dil": "#7fd0b4",
    "conv": "#e9b3d2",
    "max": "#f3c164",
    "avg": "#f4e98c",
    "skip": "#e4e4e4",
    "node": "#ffffff",
    "end": "#cfcfcf",  # inputs and output
}
"""The fill of a box in a drawing: by kind of operation, or by kind of node."""

INK = "#111111"
GREY = "#7b7b7b"  # edges and labels; its contrast is 4.2:1 both on white and on near-black


def operation_fill(operation: str) -> str:
    """Return the fill of an operation's box.

    >>> operation_fill("sep_conv_3x3") == FILLS["sep"]
    True
    """
    return FILLS[operation.split("_", maxsplit=1)[0]]
