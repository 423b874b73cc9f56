"""The theory's part: what is computed on linear cells, as tasks that an engine carries out.

Those load torch in the worker, and the driver never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nascope._src.errors import StudyError
from nascope._src.records.files import read_json, write_json
from nascope._src.records.provenance import make_provenance
from nascope._src.reproduce.scales import ReproductionScale
from nascope._src.results.paper.targets import Target
from nascope._src.study.engines.task import Task
from nascope._version import __version__

SEED = 0

Progress = Callable[[float, str], None]
Sizes = Mapping[str, int]
"""What a result's numbers depend on besides the version: the arguments of what makes it."""


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
        Task(f"theory/{path.stem}", function, (path, sizes))
        for path, function, sizes in _wanted(targets, scale, paths)
        if not _is_there(path, sizes)
    ]


def _wanted(
    targets: Sequence[Target], scale: ReproductionScale, paths: TheoryPaths
) -> Iterator[tuple[Path, Callable[..., None], Sizes]]:
    """Where each result lies, what makes it, and how large it is."""
    drawings = {target.drawing for target in targets}
    cells = {"cells": scale.theory_cells, "seed": SEED}
    runs, steps = scale.theory_descents
    if "linear cells" in drawings:
        yield paths.extremes, measure_extremes, cells
    if "theory" in drawings:
        cases = {"cases": scale.theory_cases, "runs": runs, "steps": steps, "seed": SEED}
        yield paths.check, check, cases
        yield paths.sweep, sweep, cells


def _is_there(path: Path, sizes: Sizes) -> bool:
    """Whether a result is there, as large as wanted and made by this version of nascope."""
    try:
        provenance = read_json(path)["provenance"]
        return (provenance["sizes"], provenance["nascope"]) == (dict(sizes), __version__)
    except (StudyError, KeyError, TypeError):
        return False


def measure_extremes(path: Path, sizes: Sizes, progress: Progress) -> None:
    """The widest and the narrowest cell, block by block."""
    from nascope._src.theory.extremes import compare_extremes  # noqa: PLC0415  (loads torch)

    progress(0.0, "widest and narrowest cells")
    _write(path, {**sizes, "outcomes": [asdict(own) for own in compare_extremes(**sizes)]}, sizes)


def check(path: Path, sizes: Sizes, progress: Progress) -> None:
    """As `nascope theory check`."""
    from nascope._src.theory.check_all import check_theorems  # noqa: PLC0415

    _write(path, check_theorems(**sizes, progress=progress).as_dict(), sizes)


def sweep(path: Path, sizes: Sizes, progress: Progress) -> None:
    """As `nascope theory sweep`."""
    from nascope._src.theory.sweeping import sweep as sweep_all  # noqa: PLC0415

    outcomes = [asdict(own) for own in sweep_all(**sizes, progress=progress)]
    _write(path, {**sizes, "outcomes": outcomes}, sizes)


def _write(path: Path, found: Mapping[str, Any], sizes: Sizes) -> None:
    write_json(path, {**found, "provenance": make_provenance(device="CPU", sizes=sizes)})
