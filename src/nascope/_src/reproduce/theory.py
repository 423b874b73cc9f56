"""Results on linear cells that figures and pages need: tasks that compute them, and reading them.

Workers load torch; the driver does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascope._src.errors import StudyError
from nascope._src.records.files import read_json, write_json
from nascope._src.records.provenance import make_provenance
from nascope._src.reproduce.scales import ReproductionScale
from nascope._src.results.paper.targets import Target
from nascope._src.runtime.types import Plain, Progress
from nascope._src.study.engines.task import Task
from nascope._src.theory.check_result import TheoryCheck, read_check
from nascope._src.theory.comparison_result import Extremes, Sweep, read_extremes, read_sweep
from nascope._version import __version__

SEED = 0

Sizes = Mapping[str, int]
"""Arguments of the function that computes a result. Only they and the version determine it."""


@dataclass(frozen=True)
class TheoryPaths:
    """Files of the theory's results, named as `nascope theory` names them."""

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


@dataclass(frozen=True)
class TheoryResults:
    """What was computed on linear cells; None if a target does not need it."""

    check: TheoryCheck | None = None
    sweep: Sweep | None = None
    extremes: Extremes | None = None


def read_results(target: Target, paths: TheoryPaths) -> TheoryResults | None:
    """Return the results that a target needs; None if some have not been computed.

    Raises:
        StudyError: a file is damaged or of another version.
    """
    needed: dict[str, tuple[Path, Callable[[Plain], Any]]]
    match target.drawing:
        case "linear cells":
            needed = {"extremes": (paths.extremes, read_extremes)}
        case "theory":
            needed = {"check": (paths.check, read_check), "sweep": (paths.sweep, read_sweep)}
        case _:
            return TheoryResults()
    if not all(path.is_file() for path, _ in needed.values()):
        return None
    return TheoryResults(**{name: _read(path, parse) for name, (path, parse) in needed.items()})


def _read(path: Path, parse: Callable[[Plain], Any]) -> Any:
    try:
        return parse(read_json(path))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise StudyError(
            f"{path} is damaged or of another version; move it away and run again"
        ) from None


def tasks(targets: Sequence[Target], scale: ReproductionScale, paths: TheoryPaths) -> list[Task]:
    """Return a task for each result that the targets need and that is not on disk."""
    return [
        Task(
            f"theory/{path.stem}",
            function,
            (path, sizes),
            kind=path.stem,
            title=f"theory {path.stem}",
        )
        for path, function, sizes in _needed(targets, scale, paths)
        if not _is_current(path, sizes)
    ]


def _needed(
    targets: Sequence[Target], scale: ReproductionScale, paths: TheoryPaths
) -> Iterator[tuple[Path, Callable[..., None], Sizes]]:
    """Yield each result's path, the function that computes it, and its sizes."""
    drawings = {target.drawing for target in targets}
    cells = {"cells": scale.theory_cells, "seed": SEED}
    runs, steps = scale.theory_descents
    if "linear cells" in drawings:
        yield paths.extremes, measure_extremes, cells
    if "theory" in drawings:
        cases = {"cases": scale.theory_cases, "runs": runs, "steps": steps, "seed": SEED}
        yield paths.check, check, cases
        yield paths.sweep, sweep, cells


def _is_current(path: Path, sizes: Sizes) -> bool:
    """Return whether a file has a result of these sizes, from this version of nascope."""
    try:
        provenance = read_json(path)["provenance"]
        return (provenance["sizes"], provenance["nascope"]) == (dict(sizes), __version__)
    except (StudyError, KeyError, TypeError):
        return False


def measure_extremes(path: Path, sizes: Sizes, progress: Progress) -> None:
    """Compare the widest with the narrowest cell, block by block."""
    from nascope._src.theory.extremes import compare_extremes  # noqa: PLC0415  (loads torch)

    progress(0.0, "widest and narrowest cells")
    _write(path, compare_extremes(**sizes).as_dict(), sizes)


def check(path: Path, sizes: Sizes, progress: Progress) -> None:
    """Do what `nascope theory check` does."""
    from nascope._src.theory.check_all import check_theorems  # noqa: PLC0415

    _write(path, check_theorems(**sizes, progress=progress).as_dict(), sizes)


def sweep(path: Path, sizes: Sizes, progress: Progress) -> None:
    """Do what `nascope theory sweep` does."""
    from nascope._src.theory.sweeping import sweep_settings  # noqa: PLC0415

    _write(path, sweep_settings(**sizes, progress=progress).as_dict(), sizes)


def _write(path: Path, result: Plain, sizes: Sizes) -> None:
    write_json(path, {**result, "provenance": make_provenance(device="CPU", sizes=sizes)})
