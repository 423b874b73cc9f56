"""The theory's page, seen: painted, quiet, and no wider than the screen that it is on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nascope._src.records.files import write_json
from nascope._src.report.html.theory_page import write_theory_page
from nascope._src.theory.bound_checks import check_bounds, check_published
from nascope._src.theory.comparison_result import Sweep
from nascope._src.theory.counterexamples import known_cases
from nascope._src.theory.sweeping import compare, settings
from tests.browser.chromium import Page
from tests.browser.test_report_page import assert_quiet
from tests.theory.checks import CHECK


@pytest.fixture(scope="module")
def theory_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("theory")
    check = replace(
        CHECK,
        cases=known_cases(),
        published=tuple(check_published(20)),
        bounds=tuple(check_bounds(1)),
        descents=(replace(CHECK.descents[0], objective="<b>quadratic</b>"),),
    )
    write_json(folder / "check.json", check.as_dict())
    sweep = Sweep(2, 0, tuple(compare(setting, cells=2) for setting in settings()))
    write_json(folder / "sweep.json", sweep.as_dict())
    norm = {"norm": 2.0, "gain": 0.5, "with_batchnorm": {"norm": 3.0, "gain": 1.5}}
    edge = {"operation": "sep_conv_3x3", "norms": [4.0, 5.0], "gains": [1.0, 1.2]}
    rate = {"at": "end", "rate": 0.1, "lipschitz": 5.0, "product": 0.5, "held": True}
    network = {
        "label": "<script>alert(1)</script> & $\\frac{$",
        "moments": {"end": {"weights": [norm], "edges": [edge]}},
        "rates": [rate],
    }
    write_json(folder / "networks.json", {"networks": [network]})
    return write_theory_page(folder)


def test_numbers_at_the_axes_are_written_out_and_names_left_alone(theory_page: Path) -> None:
    """matplotlib writes what it draws into comments; a formula would be seen as its source."""
    text = theory_page.read_text(encoding="utf-8")
    comments = re.findall("<!-- (.*?) -->", text)
    assert {"0.01", "1", "100", "1,000", "10⁶"} <= set(comments)
    assert "1000" not in comments  # numbers are written in one way
    drawn = re.findall(r"<!-- 10⁶ -->\s*<g [^>]*>(.*?)</g>", text, re.S)
    assert drawn
    assert all(piece.count("<use") == 3 for piece in drawn)  # the signs 1, 0 and ⁶
    formulas = [comment for comment in comments if "$" in comment]
    assert formulas  # the network's name alone
    assert all("alert(1)" in formula for formula in formulas)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_theory_is_painted_without_a_complaint(
    page: Page, theory_page: Path, width: int
) -> None:
    page.open(theory_page, width=width)
    assert_quiet(page, theory_page)
    assert page.evaluate("document.querySelectorAll('svg').length") == 5
    assert page.evaluate("document.querySelectorAll('tbody tr').length") > 40
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "<script>alert(1)</script>" in page.evaluate("document.body.innerText")
    for number in range(5):
        box = page.evaluate(
            f"(() => {{const e = document.querySelectorAll('svg')[{number}]; e.scrollIntoView();"
            "const b = e.parentElement.getBoundingClientRect();"
            "return [b.x + scrollX, b.y + scrollY, b.width, b.height]})()"
        )
        colours = np.asarray(page.screenshot(tuple(box)).convert("RGB")).reshape(-1, 3)
        assert len(np.unique(colours, axis=0)) > 50  # drawn, not blank
