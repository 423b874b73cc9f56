"""Paths within a study's folder."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from nascope._src.records.paths import StudyPaths, slug


@given(st.text())
def test_slugs_are_safe_file_names(text):
    name = slug(text)
    assert name
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name) <= 60
    trial = StudyPaths(Path("study")).trial(text, "0" * 16)
    assert trial.folder.parent == Path("study/trials")
