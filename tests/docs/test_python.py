"""The Python that the pages show runs as pasted, with smaller networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import blocks

SMALLER = {
    '"digits"': '"digits", epochs=1, channels=2, layers=3',
    "landscape(trained)": "landscape(trained, points=3)",
    "points=11)": "points=3)",
    "points=5, instances=100": "points=2, instances=20",
    "curvature(trained, instances=100": "curvature(trained, instances=20, steps=3, points=0, top=1",
    '{"scale": "tiny"}': '{"scale": "tiny", "overrides": {"epochs": 1, "channels": 2, "layers": 3}}',
    '"points": 11': '"points": 2',
    "results.report()": "results.report(figures=False)",
}


@pytest.mark.parametrize("page", ["README.md", "docs/guides/probes.md", "docs/guides/notebooks.md"])
def test_python_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = [text for language, text in blocks(Path(page)) if language == "python"]
    assert code
    names = {}
    for text in code:
        for shown, smaller in SMALLER.items():
            text = text.replace(shown, smaller)
        exec(compile(text, page, "exec"), names)
