"""The page as text: self-contained, escaped, complete, of every study that may come."""

import html.parser
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nascope._src.errors import StudyError
from nascope._src.report.html.payload import as_script
from nascope._src.report.write import write_report
from tests.report.synthetic import HOSTILE_NAME, LONG_NAME, STUDIES, write_study


def page_of(name: str, folder: Path) -> str:
    write_study(folder, STUDIES[name](), name=name)
    return write_report(folder, figures=False).read_text(encoding="utf-8")


def data_of(page: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    found: dict[str, Any] = json.loads(match[1])
    return found


class Outline(html.parser.HTMLParser):
    """Which elements a page opens, and whether it closes them."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("name", sorted(STUDIES))
def test_every_study_gives_a_sound_page(name: str, tmp_path: Path) -> None:
    page = page_of(name, tmp_path)
    outline = Outline()
    outline.feed(page)
    assert outline.wrong == []
    assert outline.open == []
    ids = [value for _, attribute, value in outline.attributes if attribute == "id"]
    assert len(ids) == len(set(ids))
    assert len(page.encode()) < 12e6
    figures = data_of(page)["figures"]
    assert set(figures) <= set(ids)


@pytest.mark.parametrize("name", ["hostile", "rates"])
def test_nothing_in_the_page_points_elsewhere(name: str, tmp_path: Path) -> None:
    outline = Outline()
    outline.feed(page_of(name, tmp_path))
    for tag, attribute, value in outline.attributes:
        if attribute in ("src", "href", "action", "data", "srcset", "poster"):
            assert value is not None
            assert value.startswith(("#", "data:")), f"<{tag} {attribute}={value[:60]}>"
    policy = [value for _, a, value in outline.attributes if a == "content" and value]
    assert any("default-src 'none'" in value for value in policy)


def test_names_come_out_as_text(tmp_path: Path) -> None:
    page = page_of("hostile", tmp_path)
    assert HOSTILE_NAME not in page
    assert "</script><b>out of memory</b>" not in page  # a traceback
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    labels = {cell["label"] for cell in data_of(page)["cells"].values()}
    assert {HOSTILE_NAME, LONG_NAME, "\"quotes' & \u2028 signs"} <= labels


def test_values_that_are_not_finite_are_named_not_replaced(tmp_path: Path) -> None:
    figures = data_of(page_of("hostile", tmp_path))["figures"]
    grid = next(f for f in figures.values() if f["kind"] == "landscape" and f["cell"] == "c0")
    flat = [value for row in grid["z"] for value in row]
    assert flat.count("infinite") == 12
    assert flat.count("not a number") == 1
    assert grid["z"][17][10] == "not a number"  # rows are the second axis, beta


def test_a_grid_keeps_its_orientation(tmp_path: Path) -> None:
    figures = data_of(page_of("hostile", tmp_path))["figures"]
    oblong = [f for f in figures.values() if f["kind"] == "landscape" and len(f["x"]) == 9]
    assert [len(row) for row in oblong[0]["z"]] == [9] * 25
    assert len(oblong[0]["y"]) == 25


def test_a_mean_stops_where_a_seed_diverged(tmp_path: Path) -> None:
    figures = data_of(page_of("rates", tmp_path))["figures"]
    curve = figures["g2-train_loss"]["lines"][4]  # DARTS-r4 at 0.25, whose seed 1 diverged
    assert [len(seed["y"]) for seed in curve["seeds"]] == [14, 5, 14]  # two are early
    assert len(curve["mean"]) == 5
    assert [(lost["seed"], lost["epoch"]) for lost in curve["diverged"]] == [(1, 4)]


def test_no_interval_without_three_seeds(tmp_path: Path) -> None:
    figures = data_of(page_of("plain", tmp_path))["figures"]
    curves = [f for f in figures.values() if f["kind"] == "curve"]
    assert all("low" not in line for curve in curves for line in curve["lines"])


def test_the_page_says_how_little_one_seed_shows(tmp_path: Path) -> None:
    assert "on their own they prove nothing" in page_of("plain", tmp_path)


def test_a_study_that_only_stands_on_paper(tmp_path: Path) -> None:
    page = page_of("planned", tmp_path)
    assert page.count("not started") == 3
    assert "No trial of this study has this probe yet" in page


@pytest.mark.parametrize("sign", ["</script>", "<!--", "&", "\u2028", "\u2029"])
def test_json_in_a_script_element_cannot_end_it(sign: str) -> None:
    text = as_script({"key": sign})
    assert sign not in text
    assert json.loads(text) == {"key": sign}


def test_json_refuses_what_json_cannot_hold() -> None:
    with pytest.raises(ValueError, match="JSON"):
        as_script(math.nan)


def test_the_report_may_go_elsewhere(tmp_path: Path) -> None:
    write_study(tmp_path / "study", STUDIES["single"]())
    page = write_report(tmp_path / "study", output=tmp_path / "new" / "x.html", figures=False)
    assert page == tmp_path / "new" / "x.html"
    assert page.is_file()
    assert not (tmp_path / "study" / "report.html").exists()
    assert [path.name for path in page.parent.iterdir()] == ["x.html"]  # nothing aside is left


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no study"):
        write_report(tmp_path)
    write_study(tmp_path, STUDIES["single"]())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudyError, match="cannot write"):
        write_report(tmp_path, output=tmp_path / "file" / "page.html", figures=False)


@pytest.mark.parametrize("figures", [False, True])
def test_no_torch_is_loaded(figures: bool, tmp_path: Path) -> None:
    write_study(tmp_path, STUDIES["single"]())
    script = (
        "import sys; from pathlib import Path; from nascope._src.report.write import write_report;"
        f"write_report(Path({str(tmp_path)!r}), figures={figures});"
        "heavy = {'torch', 'plotly', 'pandas', 'matplotlib.pyplot'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
