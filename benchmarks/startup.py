"""How long the command line takes from nothing: each run is a new process."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from _result import keep

COMMANDS = {
    "python": ["-c", "pass"],
    "import": ["-c", "import nascope._src.cells"],
    "describe": ["-m", "nascope", "describe", "DARTS"],
    "census": ["-m", "nascope", "census", "--space", "darts", "--json"],
    "help": ["-m", "nascope", "--help"],
}
REPEATS = 15


def main() -> None:
    """Take the commands in turn, after one unmeasured round."""
    raw: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for round_ in range(REPEATS + 1):
        for name, arguments in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
            if round_:
                raw[name].append(time.perf_counter() - start)
    seconds = {name: statistics.median(times) for name, times in raw.items()}
    for name, value in seconds.items():
        print(f"{name:10} {value:.3f} s  ({min(raw[name]):.3f} to {max(raw[name]):.3f})")
    keep(
        "startup",
        seconds=seconds,
        spread={name: [min(times), max(times)] for name, times in raw.items()},
        raw=raw,
    )


if __name__ == "__main__":
    main()
