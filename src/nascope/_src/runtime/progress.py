"""Progress of long work: a live bar on a terminal, a line in a notebook, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from nascope._src.runtime.estimate import TimeEstimator
from nascope._src.runtime.printable import printable, unfiltered

_LINE_SECONDS = 10.0  # between two plain lines
_NOTEBOOK_SECONDS = 0.2  # between two updates in a notebook


class Display(Protocol):
    """Shows how far the work is."""

    def show(self, share: float, seconds_left: float | None, words: str) -> None:
        """Show the share that is done, in [0, 1], and a few words."""
        ...

    def say(self, line: str) -> None:
        """Print a line that stays."""
        ...


class _Quiet:
    def show(self, share: float, seconds_left: float | None, words: str) -> None:
        pass

    def say(self, line: str) -> None:
        pass


class _Lines:
    """Plain lines on standard error, one every few seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def show(self, share: float, seconds_left: float | None, words: str) -> None:
        now = time.monotonic()
        if now - self._last >= _LINE_SECONDS:
            self._last = now
            self.say(f"{share:4.0%}, {time_left(seconds_left)}  {words}")

    def say(self, line: str) -> None:
        print(printable(line), file=sys.stderr, flush=True)


class _Notebook:
    """One line below the notebook's cell, written over again and again."""

    def __init__(self) -> None:
        self._last = -_NOTEBOOK_SECONDS
        self._width = 0

    def show(self, share: float, seconds_left: float | None, words: str) -> None:
        now = time.monotonic()
        if now - self._last >= _NOTEBOOK_SECONDS:
            self._last = now
            done = round(20 * share)
            bar = "█" * done + "░" * (20 - done)
            self._write(f"{share:4.0%} {bar} {time_left(seconds_left)}  {words}")

    def say(self, line: str) -> None:
        self._write(line)
        print(file=sys.stderr, flush=True)
        self._width = 0

    def clear(self) -> None:
        """Remove the line."""
        self._write("")
        print("\r", end="", file=sys.stderr, flush=True)

    def _write(self, line: str) -> None:
        print(f"\r{printable(line):<{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(line)


@contextmanager
def display(*, quiet: bool = False) -> Iterator[Display]:
    """Provide the display that suits standard error."""
    if quiet:
        yield _Quiet()
    elif _in_notebook():
        line = _Notebook()
        try:
            yield line
        finally:
            line.clear()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich.console import Console  # noqa: PLC0415  (only on a terminal)
        from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
        from rich.progress import Progress as LiveProgress  # noqa: PLC0415

        progress = LiveProgress(
            TextColumn("{task.percentage:3.0f}%"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[left]}  {task.description}", markup=False),
            console=Console(file=unfiltered(sys.stderr), highlight=False),
            redirect_stdout=False,  # results are not part of the display
        )
        task = progress.add_task("", total=1.0, left="")

        class _Live:
            def show(self, share: float, seconds_left: float | None, words: str) -> None:
                progress.update(
                    task,
                    completed=share,
                    description=printable(words),
                    left=time_left(seconds_left),
                )

            def say(self, line: str) -> None:
                progress.console.print(printable(line), markup=False, highlight=False)

        with progress:
            yield _Live()


def _in_notebook() -> bool:
    """Whether this process is the kernel of a Jupyter notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


class JobDisplay:
    """Shows one job: call it with the share done and a few words, as `Progress` is called."""

    def __init__(self, shown: Display) -> None:
        self._shown = shown
        self._estimator = TimeEstimator([("job", "job", 1.0)])

    def __call__(self, share: float, words: str) -> None:
        """Show the share that is done, with an estimate of the time left."""
        self._estimator.update("job", share)
        self._shown.show(share, self._estimator.seconds_left(), words)

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self._shown.say(line)


@contextmanager
def job(*, quiet: bool) -> Iterator[JobDisplay]:
    """Provide a display of one job, with an estimate of the time left."""
    with display(quiet=quiet) as shown:
        yield JobDisplay(shown)


def time_left(seconds: float | None) -> str:
    """Return the time left in words.

    >>> time_left(75)
    '1 min 15 s left'
    """
    if seconds is None:
        return "estimating the time left"
    return f"{duration(seconds)} left"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units.

    >>> duration(3725)
    '1 h 2 min'
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def print_log() -> None:
    """Print nascope's log to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.getLogger("nascope").addHandler(handler)
    logging.getLogger("nascope").setLevel(logging.INFO)
