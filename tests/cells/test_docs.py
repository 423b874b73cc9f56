"""The commands and Python examples of the pages on cells run; the page's numbers are current."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nascope._src.cells.catalog import load as load_cell
from nascope._src.cells.genotype import format_text

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: DOCS / name for name in ("guides/cells.md", "results/wiring.md")}


def _blocks(language: str) -> list[str]:
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [block for page in PAGES.values() for block in pattern.findall(page.read_text("utf-8"))]


COMMANDS = sorted({line for block in _blocks("sh") for line in block.splitlines() if line})


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("nascope ")])
def test_commands(command, tmp_path):
    log = f"epoch 0 lr 0.025\ngenotype = {format_text(load_cell('DARTS'))}\n"
    (tmp_path / "log.txt").write_text(log)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("code", _blocks("python"))
def test_python(code):
    exec(compile(code, "docs", "exec"), {})


def test_pictures_are_there():
    for page in PAGES.values():
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), target


def test_figures_are_as_the_example_draws_them(tmp_path):
    example = Path(__file__).parents[2] / "examples" / "topologies.py"
    subprocess.run([sys.executable, str(example), str(tmp_path)], check=True, capture_output=True)
    for drawn in tmp_path.iterdir():
        assert drawn.read_text("utf-8") == (DOCS / "results/wiring" / drawn.name).read_text("utf-8")


def test_the_table_of_published_cells_is_as_the_example_prints_it():
    example = Path(__file__).parents[2] / "examples" / "published_cells.py"
    done = subprocess.run(
        [sys.executable, str(example)], check=True, capture_output=True, text=True
    )
    assert done.stdout == (DOCS / "results/wiring/published.md").read_text("utf-8")


def test_the_numbers_of_the_results_page_are_the_data_s():
    """The page's tables contain the groups and algorithms that `nascope pattern` measures."""

    from nascope._src.results.pattern import survey_catalog  # noqa: PLC0415

    page = PAGES["results/wiring.md"].read_text("utf-8")
    for kind in ("normal", "reduce"):
        for convention in ("fractional", "strict"):
            tested = survey_catalog(kind=kind, convention=convention)
            groups = [*tested.groups, *(tested.algorithms if convention == "fractional" else ())]
            for group in groups:
                width = f"{group.width:.2f} / {group.expected_width:.2f}"
                depth = f"{group.depth:.2f} / {group.expected_depth:.2f}"
                row = rf"\| {re.escape(group.label)} \| {group.cells} \|.*{width} \| {depth} \|"
                assert re.search(row, page), (kind, convention, group.label)
                if convention == "strict" or group in tested.groups:
                    assert f"{group.wider.mean:.2f}" in page
                    assert f"p = {group.pattern.p_greater:.2g}" in page
    normal = survey_catalog()
    assert sum(not group.follows for group in normal.algorithms) == 13
    assert len(normal.algorithms) == 29
