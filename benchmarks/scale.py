"""How plan, status, results and page grow with the number of trials: time and memory.

The studies are invented (`_study.py`). Each command runs in a process of its own; "plan" finds what
a finished study lacks. The figure shows both against the number of trials.

    python benchmarks/scale.py            # 1,000, 20,000 and 100,000 trials: half an hour
    python benchmarks/scale.py 500 1000   # other numbers
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib as mpl
from _result import keep
from _study import write_large_study

PLAN = """
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import read_study_plan
from nascope._src.study.missing import find_missing
import sys
from pathlib import Path
paths = StudyPaths(Path(sys.argv[1]))
missing = find_missing(paths, read_study_plan(paths))
assert all(trial.trained for trial in missing)
"""
NASCOPE = (sys.executable, "-m", "nascope")
COUNTS = (1000, 20_000, 100_000)


def commands(study: Path, folder: Path) -> dict[str, list[str]]:
    """Return what is measured: the words of each command, by its name."""
    return {
        "plan": [sys.executable, "-c", PLAN, str(study)],
        "status": [*NASCOPE, "study", "status", str(study)],
        "results": [*NASCOPE, "study", "results", str(study), "-o", str(folder / "t.parquet")],
        "page": [*NASCOPE, "report", str(study), "--no-figures", "-o", str(folder / "page.html")],
    }


def measure(words: list[str]) -> tuple[float, float, float]:
    """Return the seconds of a command, its processor's seconds, and its largest memory in MB."""
    start = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, words
    seconds = time.perf_counter() - start
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000


def draw(measured: dict[str, dict[str, list[float]]], counts: list[int], path: Path) -> None:
    """Draw seconds and memory against the number of trials."""
    mpl.use("svg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (after the choice of its backend)

    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for ax, (key, title) in zip(
        axes, (("seconds", "time (s)"), ("mb", "memory (MB)")), strict=True
    ):
        for name, values in measured.items():
            ax.loglog(counts, values[key], "o-", label=name)
        ax.set(xlabel="trials", ylabel=title)
        ax.grid(visible=True, alpha=0.3)
    axes[0].legend()
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path)


def main(counts: list[int]) -> None:
    """Measure each number of trials in turn."""
    keys = ("seconds", "cpu_seconds", "mb")
    measured: dict[str, dict[str, list[float]]] = {}
    pages = []
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            study = Path(name) / "study"
            write_large_study(study, count)
            for command, words in commands(study, Path(name)).items():
                measure(words) if command == "plan" else None  # reads the files once
                values = measure(words)
                print(
                    f"{count:>7,} {command:<8} {values[0]:7.1f} s {values[2]:7.0f} MB", flush=True
                )
                of_command = measured.setdefault(command, {key: [] for key in keys})
                for key, value in zip(keys, values, strict=True):
                    of_command[key].append(round(value, 2))
            pages.append(round((Path(name) / "page.html").stat().st_size / 1e6, 2))
    draw(measured, counts, Path(__file__).parent / "results" / "scale.svg")
    keep("scale", trials=counts, measured=measured, page_mb=pages)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or list(COUNTS))
