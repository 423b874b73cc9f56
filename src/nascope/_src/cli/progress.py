"""Progress of long work: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from nascope._src.runtime.types import Progress

_LINE_SECONDS = 10.0  # between two plain lines


class Display(Protocol):
    """Shows how far the work is."""

    def show(self, share: float, seconds_left: float | None, words: str) -> None:
        """Update the display: share done in [0, 1], and a few words."""
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
            self.say(f"{share:4.0%}, {left_words(seconds_left)}  {words}")

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


@contextmanager
def display(*, quiet: bool = False) -> Iterator[Display]:
    """A display that fits where standard error leads to."""
    if quiet:
        yield _Quiet()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich.console import Console  # noqa: PLC0415  (only on a terminal)
        from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

        progress = Progress(
            TextColumn("{task.percentage:3.0f}%"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[left]}  {task.description}", markup=False),
            console=Console(stderr=True, highlight=False),
            redirect_stdout=False,  # results are not part of the display
        )
        task = progress.add_task("", total=1.0, left="")

        class _Live:
            def show(self, share: float, seconds_left: float | None, words: str) -> None:
                progress.update(
                    task, completed=share, description=words, left=left_words(seconds_left)
                )

            def say(self, line: str) -> None:
                progress.console.print(line, markup=False, highlight=False)

        with progress:
            yield _Live()


@contextmanager
def job(*, quiet: bool) -> Iterator[Progress]:
    """A display of one job, with the time left by its own pace."""
    start = time.monotonic()
    first: list[float] = []
    with display(quiet=quiet) as shown:

        def progress(share: float, words: str) -> None:
            if not first:
                first.append(share)  # what an earlier run had done tells nothing of the pace
            made = share - first[0]
            left = (time.monotonic() - start) * (1 - share) / made if made > 0.005 else None
            shown.show(share, left, words)

        yield progress


def left_words(seconds: float | None) -> str:
    """The time left in words.

    >>> left_words(75)
    '1 min 15 s left'
    """
    if seconds is None:
        return "estimating the time left"
    return f"{duration(seconds)} left"


def duration(seconds: float) -> str:
    """A duration in its two largest units.

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
    """Print what nascope logs to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logging.getLogger("nascope").addHandler(handler)
    logging.getLogger("nascope").setLevel(logging.INFO)
