"""The Python that the pages show runs as pasted, with smaller networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, blocks

SMALLER = {
    '"digits"': '"digits", epochs=1, channels=2, layers=3',
    "landscape(trained)": "landscape(trained, points=3)",
    "points=11)": "points=3)",
    "points=5, instances=100": "points=2, instances=20",
    "curvature(trained, instances=100": "curvature(trained, instances=20, steps=3, points=0, top=1",
    '{"scale": "tiny"}': '{"scale": "tiny", "overrides": {"epochs": 1, "channels": 2, "layers": 3}}',
    '"points": 11': '"points": 2',
    "results.report()": "results.report(figures=False)",
    "torch.randn(300, 20), torch.randint(10, (300,))": "torch.randn(30, 20), torch.arange(30) % 10",
    "top=3, points=0": "top=3, vectors=1, steps=3, points=0",
    "top=1, points=0": "top=1, vectors=2, steps=3, points=0",
}


SHOWING = ["README.md", "docs/guides/probes.md", "docs/guides/notebooks.md"]
SHOWING += [
    str(page)
    for page in PAGES
    if page.parent.name == "questions" and any(name == "python" for name, _ in blocks(page))
]


def test_pages_of_questions_show_python():
    assert "docs/questions/my-own-model.md" in SHOWING


@pytest.mark.parametrize("page", SHOWING)
def test_python_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = [text for language, text in blocks(Path(page)) if language == "python"]
    assert code
    names = {}
    for text in code:
        for shown, smaller in SMALLER.items():
            text = text.replace(shown, smaller)
        exec(compile(text, page, "exec"), names)
