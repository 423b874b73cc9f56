"""The page as text: self-contained, escaped, complete, of every study that may come."""

from __future__ import annotations

import dataclasses
import html.parser
import json
import re
from pathlib import Path
from typing import Any

import pytest

from nascope._src.records.read import read_study
from nascope._src.report.write import write_report
from nascope._src.results.findings.judge import judge_study
from nascope._src.results.text.findings import sentence
from tests.report.synthetic import (
    HOSTILE_NAME,
    LONG_NAME,
    STUDIES,
    family,
    write_study,
)


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


def test_the_page_says_how_little_one_seed_shows(tmp_path: Path) -> None:
    assert "on their own they prove nothing" in page_of("plain", tmp_path)


def test_a_study_that_only_stands_on_paper(tmp_path: Path) -> None:
    page = page_of("planned", tmp_path)
    assert page.count(">not started<") == 3
    assert "No trial of this study has this probe yet" in page


def test_the_page_says_what_the_verdicts_say(judged: Path) -> None:
    page = write_report(judged, figures=False).read_text(encoding="utf-8")
    for one in judge_study(read_study(judged)):
        assert sentence(one).replace("'", "&#39;") in page
        assert one.statement in page


def test_names_in_what_a_search_picks_are_text_and_no_correlation_is_no_nan(
    tmp_path: Path,
) -> None:
    fakes = family(variants=3)
    fakes[1] = dataclasses.replace(fakes[1], label="DARTS-<b>r1</b>")
    data = {"image_size": 32}
    page = write_report(
        write_study(tmp_path, [dataclasses.replace(fake, data=data) for fake in fakes])
    ).read_text(encoding="utf-8")
    assert "+nan" not in page
    assert "nan</td>" not in page
    assert "<b>r1</b>" not in page
    assert r"\u0026lt;b\u0026gt;r1" in page  # what plotly draws as it is written
