"""The table of benchmarks/README.md holds the committed results."""

import importlib
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_the_table_is_that_of_the_results(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = importlib.import_module("_table")
    text = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    assert module.filled(text) == text
    assert "| training, float32 |" in text
