"""The folder of a study's figures: each is there, painted, with its data."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nascope._src.records.files import read_arrays
from nascope._src.report.write import write_report
from tests.report.figures.drawings import is_painted
from tests.report.synthetic import HOSTILE_NAME, STUDIES, family, write_study

EACH = {"curves.png", "landscape.png", "landscape-3d.png", "variance.png", "variance-3d.png"}


def figures_of(name: str, folder: Path) -> Path:
    write_study(folder, STUDIES[name]())
    write_report(folder)
    return folder / "figures"


@pytest.mark.parametrize("name", ["plain", "hostile", "single"])
def test_every_figure_is_painted(name: str, tmp_path: Path) -> None:
    folder = figures_of(name, tmp_path)
    assert {path.name for path in folder.glob("*.png")} == EACH
    assert all(is_painted(path) for path in folder.glob("*.png"))


def test_a_blank_figure_would_be_noticed(tmp_path: Path) -> None:
    Image.new("RGB", (400, 300), "white").save(tmp_path / "blank.png")
    assert not is_painted(tmp_path / "blank.png")


def test_figures_of_several_families_lie_apart(tmp_path: Path) -> None:
    names = {path.name for path in figures_of("families", tmp_path).iterdir()}
    assert {"curves-1-DARTS.png", "landscape-2-AmoebaNet-3d.png"} <= names


def test_data_lies_beside_the_figures(tmp_path: Path) -> None:
    folder = figures_of("hostile", tmp_path)
    rows = list(csv.DictReader(io.StringIO((folder / "curves.csv").read_text(encoding="utf-8"))))
    assert rows[0]["cell"] == HOSTILE_NAME
    assert [row["epoch"] for row in rows[:4]] == ["0.25", "0.5", "1", "2"]
    arrays = read_arrays(folder / "landscape.npz")
    assert arrays["labels"][0] == HOSTILE_NAME
    assert arrays["values_0"].shape == (21, 21)
    assert np.isinf(arrays["values_0"][0, 0])


@pytest.mark.parametrize(
    ("modes", "stems"),
    [
        (("frozen",), {"landscape"}),
        (("recalibrated",), {"landscape-recalibrated"}),
        (("recalibrated", "frozen"), {"landscape", "landscape-recalibrated"}),
    ],
)
def test_each_batchnorm_mode_has_figures_of_its_own(
    modes: tuple[str, ...], stems: set[str], tmp_path: Path
) -> None:
    write_study(tmp_path, family(variants=1, variance=None, modes=modes))
    write_report(tmp_path)
    found = {path.stem for path in (tmp_path / "figures").glob("landscape*.npz")}
    assert found == stems


def test_nothing_measured_draws_nothing(tmp_path: Path) -> None:
    folder = figures_of("planned", tmp_path)
    assert not folder.exists()


def test_the_page_carries_the_surfaces(tmp_path: Path) -> None:
    write_study(tmp_path, STUDIES["plain"]())
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert page.count("data:image/webp;base64,") == 2
