"""How long the command line takes from nothing: each run is a new process."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python": ["-c", "pass"],
    "import": ["-c", "import nascope.cells"],
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
    result = {
        "name": "startup",
        "seconds": seconds,
        "spread": {name: [min(times), max(times)] for name, times in raw.items()},
        "raw": raw,
        "threads": 1,
        "device": f"cpu, {platform.machine()}, Python {platform.python_version()}",
        "torch": None,
    }
    line = json.dumps(result)
    path = Path(__file__).parent / "results" / "startup.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(line + "\n", encoding="utf-8")
    print(line)


if __name__ == "__main__":
    main()
