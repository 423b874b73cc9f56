"""The Python that the README and the guide on probes show runs as pasted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import blocks


@pytest.mark.parametrize("page", ["README.md", "docs/guides/probes.md"])
def test_python_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = [text for language, text in blocks(Path(page)) if language == "python"]
    assert code
    names = {}
    for text in code:
        exec(compile(text, page, "exec"), names)
