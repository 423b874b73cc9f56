"""The theory's part: what is computed on linear cells, as tasks that an engine carries out.

Those load torch in the worker, and the driver never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nascope import __version__
from nascope.errors import StudyError
from nascope.records.files import read_json, write_json
from nascope.records.provenance import provenance
from nascope.reproduce.scales import ReproductionScale
from nascope.reproduce.targets import Target
from nascope.study.engines import Task

SEED = 0

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class TheoryPaths:
    """Files of the theory, under the names that `nascope theory` gives them."""

    folder: Path

    @property
    def check(self) -> Path:
        return self.folder / "check.json"

    @property
    def sweep(self) -> Path:
        return self.folder / "sweep.json"

    @property
    def extremes(self) -> Path:
        return self.folder / "extremes.json"


def tasks(targets: Sequence[Target], scale: ReproductionScale, paths: TheoryPaths) -> list[Task]:
    """What the targets lack of the theory."""
    return [
        Task(f"theory/{path.stem}", function, (path, size))
        for path, function, key, size in _wanted(targets, scale, paths)
        if not _is_there(path, key, size)
    ]


def _wanted(
    targets: Sequence[Target], scale: ReproductionScale, paths: TheoryPaths
) -> Iterator[tuple[Path, Callable[..., None], str, int]]:
    """Where each result lies, what makes it, and the name and number of its cells."""
    drawings = {target.drawing for target in targets}
    if "linear cells" in drawings:
        yield paths.extremes, measure_extremes, "cells", scale.theory_cells
    if "theory" in drawings:
        yield paths.check, check, "cases_each", scale.theory_cases
        yield paths.sweep, sweep, "cells", scale.theory_cells


def _is_there(path: Path, key: str, size: int) -> bool:
    """Whether a result is there, of the same size and made by this version of nascope."""
    try:
        found = read_json(path)
        made_by = found["provenance"]["nascope"]
        return (found[key], found["seed"], made_by) == (size, SEED, __version__)
    except (StudyError, KeyError, TypeError):
        return False


def measure_extremes(path: Path, cells: int, progress: Progress) -> None:
    """The widest and the narrowest cell, block by block."""
    from nascope.theory.extremes import extremes  # noqa: PLC0415  (loads torch)

    progress(0.0, "widest and narrowest cells")
    found = [asdict(own) for own in extremes(cells=cells, seed=SEED)]
    _write(path, {"cells": cells, "seed": SEED, "outcomes": found})


def check(path: Path, cases: int, progress: Progress) -> None:
    """As `nascope theory check`."""
    from nascope.theory.everything import check_everything  # noqa: PLC0415

    _write(path, check_everything(cases=cases, seed=SEED, progress=progress))


def sweep(path: Path, cells: int, progress: Progress) -> None:
    """As `nascope theory sweep`."""
    from nascope.theory.sweeping import sweep as sweep_all  # noqa: PLC0415

    outcomes = [asdict(own) for own in sweep_all(cells=cells, seed=SEED, progress=progress)]
    _write(path, {"cells": cells, "seed": SEED, "outcomes": outcomes})


def _write(path: Path, found: dict[str, Any]) -> None:
    write_json(path, {**found, "provenance": provenance(device="CPU")})
