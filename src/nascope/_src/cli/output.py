"""Files that a command writes."""

from __future__ import annotations

from pathlib import Path

from nascope._src.errors import GenotypeError


def write_svg(path: Path, drawing: str) -> None:
    """Write a drawing.

    Raises:
        GenotypeError: the file cannot be written.
    """
    try:
        path.write_text(drawing + "\n", encoding="utf-8")
    except OSError as error:
        raise GenotypeError(f"{path}: {error.strerror}, so the drawing was not written") from None
