"""Try every reader on damaged and odd files; see `tests.fuzz.campaign`.

    python -m tests.fuzz --count 1000000 [--seed 0] [--state runs/fuzz/state.json]
    python -m tests.fuzz --only 1234     # one input, with its traceback; the files are kept

Exits with 1 if an input failed.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.campaign import Campaign, State, pick, resumed


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, help="file from which a campaign goes on")
    parser.add_argument("--only", type=int, help="number of one input")
    options = parser.parse_args()
    if options.only is not None:
        _try_only(options.seed, options.only)
        return
    state = resumed(options.state, options.seed) if options.state else State(options.seed)
    campaign = Campaign(state)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    try:
        campaign.run(options.count, options.state)
    finally:
        campaign.close()
    print(json.dumps(asdict(state)))
    sys.exit(1 if state.failures else 0)


def _try_only(seed: int, number: int) -> None:
    reader, generator = pick(seed, number)
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{number}-"))
    print(f"{reader.name}: {folder}", file=sys.stderr)
    for name, content in reader.make(generator).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    reader.read(folder)


if __name__ == "__main__":
    main()
