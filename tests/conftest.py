"""Tests run side by side: each on one thread. They heed Ctrl-C, which some of them test.

Each module stays on one worker, so that what it prepares is prepared once (`--dist loadscope`); those
that take longest come first, so that no worker waits for another at the end.
"""

import os
import signal

import pytest
from hypothesis import settings

settings.register_profile("unhurried", deadline=None)  # other tests run beside
settings.load_profile("unhurried")

for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background
    signal.signal(signal.SIGINT, signal.default_int_handler)

_LONGEST = (
    *("browser/test_report", "faults/", "docs/test_executed", "browser/", "cli/", "docs/test_site"),
    *("results/", "probes/", "theory/"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        path = item.nodeid.removeprefix("tests/")
        return next((k for k, start in enumerate(_LONGEST) if path.startswith(start)), 99)

    items.sort(key=place)  # stable: within a module the order stays
