"""The ``nascope`` command: the command groups in one application, and errors as exit codes.

Exit codes: 0 for success, 1 if a trial failed, 2 for bad input (with one line on what is wrong),
130 if interrupted, 143 if terminated.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import warnings
from typing import Annotated, Any

import typer

from nascope._src.cli.app import App
from nascope._src.errors import NascopeError
from nascope._src.runtime.printable import PrintableStream, printable
from nascope._version import __version__

GROUPS = {
    "cells": ("cells", "describe", "convert"),
    "rewiring": ("variants", "adapt"),
    "spaces": ("census", "pattern", "trace"),
    "training": ("train", "evaluate", "curves", "import"),
    "probes": ("probe",),
    "studies": ("demo", "study"),
    "tables": ("evidence", "selection"),
    "judgements": ("reproduce", "report", "verdicts", "reliability", "smoothness"),
    "predictions": ("predict", "population"),
    "theory": ("theory",),
    "data": ("data",),
}
"""The commands of each module of this package."""


def _print_version(value: bool) -> None:
    if value:
        print(f"nascope {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of every command."""


def make_app(command: str | None = None) -> typer.Typer:
    """Return the application.

    Args:
        command: load only the group of this command, which is faster. All groups if it is None or
            unknown.
    """
    app = App(
        name="nascope",
        help="Compare cells found by architecture search with random variants of them.",
    )
    app.callback()(_options)
    needed = [group for group, commands in GROUPS.items() if command in commands]
    for group in needed or GROUPS:
        importlib.import_module(f"nascope._src.cli.{group}").register(app)
    return app


def main() -> None:
    """Run the command that the program's arguments name, and exit."""
    sys.stdout, sys.stderr = (  # None if it was closed
        stream or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
        for stream in (sys.stdout, sys.stderr)
    )
    for stream in (sys.stdout, sys.stderr):  # an ASCII terminal shows "?" rather than failing
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    streams: Any = PrintableStream(sys.stdout), PrintableStream(sys.stderr)
    sys.stdout, sys.stderr = streams
    warnings.showwarning = _one_line_warning
    signal.signal(signal.SIGTERM, _terminate)
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    try:
        try:
            make_app(command)()
        finally:
            sys.stdout.flush()
    except NascopeError as error:
        message = printable(" ".join(str(error).split()))
        print(f"error: {message}", file=sys.stderr)
        sys.exit(2)
    except UnicodeEncodeError:  # a name of bytes that are not text
        print("error: expected a name in UTF-8: rename the file", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except SystemExit as leaving:
        # While Ray waits, it replaces the code of our handler by its own.
        code = _terminations[0] if _terminations else leaving.code
        if code in _STOPPED:  # typer turns Ctrl-C into this
            print(_STOPPED[code], file=sys.stderr)
        sys.exit(code)
    except BrokenPipeError:  # the reader of our output left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:  # for example, standard output is on a full disk
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"error: {error.strerror or error}", file=sys.stderr)
        sys.exit(2)


_STOPPED = {130: "interrupted", 143: "terminated"}
_terminations: list[int] = []
"""The exit code after SIGTERM, once it has arrived."""


def _terminate(*_: object) -> None:
    """Leave as after Ctrl-C, so that workers and clusters are stopped."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
    _terminations.append(143)
    sys.exit(143)


def _one_line_warning(message: Warning | str, *_: object, **__: object) -> None:
    print(f"warning: {' '.join(str(message).split())}", file=sys.stderr)
