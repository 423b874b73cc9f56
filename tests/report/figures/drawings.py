"""What the tests of figures share: data, what is written in a drawing, and what it leaves on disk."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from matplotlib.text import Text
from PIL import Image

from nascope._src.records.read import StudyRecord, read_study
from nascope._src.report.figures.style import Drawing
from nascope._src.results.paper.columns import FigureColumn
from tests.report.synthetic import STUDIES, write_study

DIGITS = FigureColumn("digits", 0.025)
LACKING = FigureColumn("cifar100", 0.025, absent="no data: CIFAR-100")
RATES = [FigureColumn("digits", rate, rate_shown=True) for rate in (0.0025, 0.025, 0.25)]
ENDINGS = (".pdf", ".svg", ".png")


def record_of(name: str, folder: Path) -> StudyRecord:
    """One of the invented studies."""
    return read_study(write_study(folder, STUDIES[name]()))


def is_painted(path: Path, *, share: float = 0.02, colours: int = 50) -> bool:
    """Whether a picture is more than blank paper."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    inked = (pixels < 250).any(axis=1).mean()
    packed = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
    return bool(inked > share and len(np.unique(packed)) > colours)


def words(drawing: Drawing) -> str:
    """Everything that is written in a drawing."""
    drawing.figure.canvas.draw()
    return "\n".join(text.get_text() for text in drawing.figure.findobj(Text))


def written(drawing: Drawing, folder: Path) -> list[dict[str, str]]:
    """Write a drawing for the paper: its three formats are painted. Return its table's rows."""
    paths = drawing.write(folder / "paper", "figure")
    assert [path.suffix for path in paths[:3]] == list(ENDINGS)
    assert paths[0].read_bytes().startswith(b"%PDF-")
    assert b"<svg" in paths[1].read_bytes()[:1000]
    assert is_painted(paths[2], share=0.005, colours=30)  # one dot's figure is mostly white
    assert not list((folder / "paper").glob(".*"))  # nothing half-written is left
    table = folder / "paper" / "figure.csv"
    if not table.exists():
        return []
    return list(csv.DictReader(io.StringIO(table.read_text(encoding="utf-8"))))
