"""The study files that the guides show are valid."""

from __future__ import annotations

from pathlib import Path

import pytest

from nascope._src.study.study_file import read_search_file, read_study_file
from tests.docs.pages import ROOT, blocks

EXAMPLES = [
    (page, text)
    for page in ("docs/guides/studies.md", "docs/guides/verdicts.md")
    for language, text in blocks(Path(page))
    if language == "toml"
]


@pytest.mark.parametrize(("page", "text"), EXAMPLES)
def test_example_is_valid(page, text, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    read = read_search_file if "[search]" in text else read_study_file
    assert read(file)


@pytest.mark.parametrize("file", sorted((ROOT / "docs/studies").glob("*.toml")), ids=str)
def test_study_is_valid(file):
    assert read_study_file(file).parts
