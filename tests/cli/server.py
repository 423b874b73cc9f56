"""Imports what commands need, then runs each command in a fork of this process.

It reads requests from standard input, one line of JSON each, and prints each command's exit code.
"""

from __future__ import annotations

import json
import os
import sys

import matplotlib.figure  # noqa: F401
import pandas as pd  # noqa: F401
import plotly  # noqa: F401
import scipy.stats  # noqa: F401
import torch  # noqa: F401

from nascope._src.cli.entry import main, make_app


def become(request: dict) -> None:
    """Turn this process into one that a user has started."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path, mode in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["out"], flags),
        (2, request["err"], flags),
    ):
        os.dup2(os.open(path, mode), number)
    sys.argv = request["words"]


def serve() -> None:
    make_app()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            become(request)
            main()
            return
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
