"""Where a report goes, and what writing it loads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nascope._src.errors import StudyError
from nascope._src.records.files import write_json
from nascope._src.records.read import combine_studies, read_study
from nascope._src.report.write import write_report
from tests.report.synthetic import CIFAR10, STUDIES, family, write_study
from tests.results.evidence import planted


def test_the_report_may_go_elsewhere(tmp_path: Path) -> None:
    write_study(tmp_path / "study", STUDIES["single"]())
    page = write_report(tmp_path / "study", output=tmp_path / "new" / "x.html", figures=False)
    assert page == tmp_path / "new" / "x.html"
    assert page.is_file()
    assert not (tmp_path / "study" / "report.html").exists()
    assert [path.name for path in page.parent.iterdir()] == ["x.html"]  # nothing aside is left


def test_a_section_on_tables_that_others_measured(tmp_path: Path) -> None:
    write_study(tmp_path / "study", STUDIES["single"]())
    table = planted.table(tmp_path, cells=12).path
    page = write_report(tmp_path / "study", figures=False, evidence=[table]).read_text()
    assert '<section id="evidence">' in page
    assert "planted-0.csv: 12 cells, 5 epochs" in page
    assert "wide cells end better" in page
    without = write_report(tmp_path / "study", figures=False).read_text()
    assert 'id="evidence"' not in without


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


def test_each_of_several_studies_tells_its_own_story(tmp_path: Path) -> None:
    """The same data set under another recipe, and cells that are partly the same."""
    folders = [
        write_study(
            tmp_path / name,
            family(original, 3, data=CIFAR10, recipe={"epochs": epochs}),
            name=name,
        )
        for name, original, epochs in (("long", "DARTS", 20), ("short", "NASNet", 6))
    ]
    folder = folders[1] / "theory"
    folder.mkdir()
    outcome = {"cases_each": 1, "seed": 0, "tolerance": 1e-9, "seconds": 0.0, "equations": []}
    lists = {key: [] for key in ("cases", "published", "bounds", "descents")}
    write_json(folder / "check.json", outcome | lists)
    path = write_report(*folders, output=tmp_path / "both.html")
    page = path.read_text(encoding="utf-8")
    sections = dict(
        re.findall(r'<section id="([\w-]+)">(.*?)(?=<section|</main>)', page, re.DOTALL)
    )
    for section in ("association", "generalisation", "selection"):
        heads = re.findall('<h3 class="group-title">(.*?)</h3>', sections[section])
        assert heads == ["long", "short"], section
    for label in ("DARTS", "NASNet"):
        assert re.search(rf'<th scope="row"[^>]*>(<[^>]*>)*{label}<', sections["generalisation"])
    assert '<h3 class="group-title">short</h3>' in sections["theory"]
    assert "Every check came out as expected" in sections["t1-check"]
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    figures = json.loads(match[1])["figures"]
    assert {"a0-0", "a1-0", "s0-0", "s1-0"} <= set(figures)
    assert len(figures["s0-0"]["traces"][0]["x"]) == 19  # not the last with itself
    assert len(figures["s1-0"]["traces"][0]["x"]) == 5


def test_several_studies_share_a_page(judged: Path, tmp_path: Path) -> None:
    other = write_study(tmp_path / "b", family("SNAS", 2), name="the other")
    page = tmp_path / "both.html"
    assert write_report(judged, other, output=page) == page
    text = page.read_text(encoding="utf-8")
    assert "judged · the other" in text
    assert "study the other" in text  # a setting to switch to
    assert "No verdict is given on this study" in text  # digits are too small
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    labels = {cell["label"] for cell in json.loads(match[1])["cells"].values()}
    assert {"SNAS", "DARTS", "NASNet-widest"} <= labels
    with pytest.raises(StudyError, match="needs a page's name"):
        write_report(judged, other)


def test_studies_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folders = [
        write_study(tmp_path / place / "demo", family(variants=1)) for place in ("one", "two")
    ]
    both = combine_studies([read_study(folder) for folder in folders])
    assert {trial.study for trial in both.trials} == {f"invented ({folder})" for folder in folders}
    page = write_report(*folders, output=tmp_path / "page.html").read_text(encoding="utf-8")
    assert "in the folder <code>figures" not in page  # of several studies none are drawn
    twice = combine_studies([read_study(folders[0])] * 2)
    assert len({trial.study for trial in twice.trials}) == 2


def test_equal_labels_of_other_cells_are_told_apart(tmp_path: Path) -> None:
    first = write_study(tmp_path / "a", family(variants=1), name="a")
    fakes = family(variants=2)
    swapped = [fakes[0], type(fakes[1])(**{**fakes[2].__dict__, "label": "DARTS-r1"})]
    second = write_study(tmp_path / "b", swapped, name="b")
    page = write_report(first, second, output=tmp_path / "page.html").read_text(encoding="utf-8")
    assert "DARTS-r1 (b)" in page
