"""Try readers on many inputs. Each ends in a result or in a `NascopeError` of one line.

An input is determined by the seed and its number, so that each can be tried alone. The state of a
campaign is kept in a file, and an interrupted campaign resumes from there; an input that ended the
process counts as a failure.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
import unicodedata
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nascope._src.errors import NascopeError
from tests.fuzz.readers import READERS, Case, Reader

MAX_SECONDS = 2.0  # of processor time, for one input
MAX_MEMORY = 500_000_000  # bytes beyond what importing takes
MAX_MESSAGE = 3000  # characters of an error, with the path of the file
_HANG = 120  # seconds after which an input ends the process, or a hundred more
_MEMORY_FOLDER = Path("/dev/shm")  # files in memory are much faster
_SAVED_EVERY = 500

_NEVER = ("subprocess.", "socket.", "os.system", "os.exec", "os.posix_spawn", "pickle.find_class")
_NOT_FOR_TEXT = ("open", "exec", "os.", "shutil.", "ctypes.", "import")  # unlike files


class Forbidden(BaseException):
    """What a reader has no business doing."""


class Watch:
    """An audit hook that forbids what a reader has no business doing, while one is at work."""

    def __init__(self, folder: Path) -> None:
        self.forbidden: tuple[str, ...] = ()
        self._folder = str(folder)  # with the input
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.forbidden and event.startswith(self.forbidden):
            if event == "open" and str(arguments[0]).startswith(self._folder):
                return
            self.forbidden = ()
            raise Forbidden(f"caused {event} {arguments!r:.200}")


@dataclass
class State:
    """What a campaign has tried so far.

    Attributes:
        seed: Determines the inputs.
        next: Number of the next input.
        results, errors: Number of inputs that each reader has read, and refused.
        failures: What failed inputs did: the number of the first, and how many did the same.
        seconds: Processor time that the slowest input of each reader took, and its number.
        memory: Bytes beyond what importing takes, at most.
        fatal: Inputs that ended the process. They are not tried again.
    """

    seed: int = 0
    next: int = 0
    results: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    failures: dict[str, list[int]] = field(default_factory=dict)
    seconds: dict[str, tuple[float, int]] = field(default_factory=dict)
    memory: int = 0
    fatal: list[int] = field(default_factory=list)

    def save(self, path: Path) -> None:
        """Replace the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(asdict(self), indent=1))
        temporary.replace(path)

    def fail(self, number: int, reader: Reader, what: str) -> None:
        """Keep a failure."""
        known = self.failures.setdefault(f"{reader.name}: {what}", [number, 0])
        known[1] += 1


def pick(seed: int, number: int) -> tuple[Reader, random.Random]:
    """Return the reader of an input, and the generator that makes it."""
    generator = random.Random(f"{seed}/{number}")
    return generator.choices(READERS, [reader.share for reader in READERS])[0], generator


class Campaign:
    """Tries inputs one after another, in a temporary folder."""

    def __init__(self, state: State) -> None:
        self.state = state
        place = _MEMORY_FOLDER if _MEMORY_FOLDER.is_dir() else None
        self._folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=place))
        assert unicodedata  # Python's parser imports it at the first non-ASCII name
        warnings.simplefilter("ignore")  # a warning about an odd image is no failure
        for reader in READERS:
            for case in reader.sound():  # what is imported lazily is imported now
                self._write(case)
                with contextlib.suppress(NascopeError):  # a file of several
                    reader.read(self._folder)
        self._watch = Watch(self._folder)
        self._memory = _memory()

    def close(self) -> None:
        """Remove the folder."""
        faulthandler.cancel_dump_traceback_later()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, stop: int, path: Path | None = None) -> None:
        """Try all inputs before number ``stop``; keep the state in a file."""
        if path is None:
            self._run(stop, lambda number: None)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        marker = path.with_suffix(".current")
        with marker.open("wb") as current:

            def note(number: int) -> None:
                os.pwrite(current.fileno(), b"%020d" % number, 0)
                if number % _SAVED_EVERY == 0:
                    self.state.save(path)

            try:
                self._run(stop, note)
            finally:  # also if interrupted, but not if an input ends the process
                self.state.save(path)
                marker.unlink()

    def _run(self, stop: int, note: Callable[[int], None]) -> None:
        while self.state.next < stop:
            note(self.state.next)
            if self.state.next not in self.state.fatal:
                self.try_one(self.state.next)
            self.state.next += 1

    def try_one(self, number: int) -> None:
        """Try one input, and note what it did."""
        reader, generator = pick(self.state.seed, number)
        self._write(reader.make(generator))
        if number % 100 == 0:  # each time takes milliseconds
            faulthandler.dump_traceback_later(_HANG, exit=True)
        began = time.process_time()
        self._watch.forbidden = _NEVER + (_NOT_FOR_TEXT if reader.strict else ())
        counts = self.state.errors
        try:
            reader.read(self._folder)
            counts = self.state.results
        except NascopeError as error:
            self._watch.forbidden = ()
            if not 0 < len(str(error)) <= MAX_MESSAGE:
                self.state.fail(number, reader, "an error without a clear message")
        except Forbidden as error:
            self.state.fail(number, reader, str(error))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a panic of safetensors is no Exception
            self._watch.forbidden = ()
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(where.filename).name}:{where.lineno}"
            self.state.fail(number, reader, f"{type(error).__name__} in {place}")
        finally:
            self._watch.forbidden = ()
        counts[reader.name] = counts.get(reader.name, 0) + 1
        self._measure(number, reader, time.process_time() - began)

    def _measure(self, number: int, reader: Reader, seconds: float) -> None:
        state = self.state
        if seconds > state.seconds.get(reader.name, (0.0, 0))[0]:
            state.seconds[reader.name] = (round(seconds, 3), number)
        if seconds > MAX_SECONDS:
            state.fail(number, reader, f"took over {MAX_SECONDS} s")
        memory = _memory() - self._memory
        if memory > max(MAX_MEMORY, state.memory):
            state.fail(number, reader, f"took over {MAX_MEMORY / 1e6:.0f} MB")
        state.memory = max(state.memory, memory)

    def _write(self, case: Case) -> None:
        for path in self._folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, content in case.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _memory() -> int:
    """Return the largest memory that the process had, in bytes."""
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else 1024 * largest


def resumed(path: Path, seed: int) -> State:
    """Return the state of a campaign in a file, or a new one.

    Raises:
        ValueError: The file is of another seed.
    """
    state = State(seed)
    if path.exists():
        state = State(**json.loads(path.read_text()))
        if state.seed != seed:
            raise ValueError(f"{path} is of seed {state.seed}, not {seed}")
    marker = path.with_suffix(".current")
    if marker.exists() and (text := marker.read_bytes()):
        ended = int(text)  # the inputs since the state was saved are tried again, except this one
        state.fatal.append(ended)
        state.fail(ended, pick(seed, ended)[0], "ended the process")
    return state
