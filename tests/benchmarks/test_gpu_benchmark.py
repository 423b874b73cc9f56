"""The benchmark for GPUs runs to its end on any device, at tiny sizes."""

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_every_part_runs_dry():
    before = sorted(BENCHMARKS.rglob("*.json"))
    words = [sys.executable, "-W", "ignore", str(BENCHMARKS / "gpu.py"), "--dry"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    figures = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert {"training plain", "landscape", "variance", "product", "tests"} <= figures.keys()
    for name, text in figures.items():
        assert all(value is True or value != 0 for value in json.loads(text).values()), name
    assert sorted(BENCHMARKS.rglob("*.json")) == before
