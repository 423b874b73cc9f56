"""Runs the command line as a user does: in a process of its own.

Importing torch takes longer than most commands, so these processes are forked from one that has
imported it (`tests.cli.server`).
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import select
import subprocess
import sys
import tempfile
from pathlib import Path

TIMEOUT = 300  # seconds


@functools.cache
def server():
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.cli.server"],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    atexit.register(process.kill)
    return process


def nascope(*words, cwd=None, **environment):
    words = ["nascope", *map(str, words)]
    kept = {k: v for k, v in os.environ.items() if k != "NASCOPE_DATA"}
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        request = {
            "words": words,
            "cwd": str(cwd or os.getcwd()),
            "environment": kept | environment,
            "out": str(out),
            "err": str(err),
        }
        print(json.dumps(request), file=server().stdin, flush=True)
        if not select.select([server().stdout], [], [], TIMEOUT)[0]:
            server().kill()
            server.cache_clear()
            raise subprocess.TimeoutExpired(words, TIMEOUT)
        code = int(server().stdout.readline())
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in (out, err)]
        return subprocess.CompletedProcess(words, code, *texts)


def assert_refused(result, pattern):
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert re.search(pattern, lines[0]), lines[0]
