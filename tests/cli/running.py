"""Runs the command line as a user does."""

from __future__ import annotations

import os
import re
import subprocess
import sys


def nascope(*words, cwd=None, **environment):
    kept = {k: v for k, v in os.environ.items() if k != "NASCOPE_DATA"}
    return subprocess.run(
        [sys.executable, "-m", "nascope", *map(str, words)],
        capture_output=True, text=True, cwd=cwd, env=kept | environment, timeout=300, check=False,
    )  # fmt: skip


def assert_refused(result, pattern):
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert re.search(pattern, lines[0]), lines[0]
