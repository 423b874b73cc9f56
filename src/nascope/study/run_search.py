"""Running a search: round by round on the engines and trials of a study."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nascope.cells.genotype import Genotype, to_dict
from nascope.cells.topology import topology
from nascope.errors import StudyError
from nascope.records.files import plain, write_bytes
from nascope.records.paths import StudyPaths
from nascope.records.plan import plan_in
from nascope.records.read import read_trial
from nascope.study.engines import Engine
from nascope.study.run import Snapshot, run_study
from nascope.study.search import Candidate, Search, best_of, label, propose
from nascope.study.study import Part, PlannedCell, Study


def run_search(
    search: Search,
    folder: str | Path,
    engine: Engine,
    *,
    data_dir: str | None = None,
    device: str = "auto",
    on_progress: Callable[[int, Snapshot], None] | None = None,
) -> list[Candidate]:
    """Run a search, or go on with it. The folder is a study's; beside it lie two logs.

    ``candidates.jsonl`` has every candidate in its order, ``best.jsonl`` the best so far at each:
    JSON lines with ``epoch`` (the candidate's number) and ``genotype``, which
    `nascope.cells.search_log` reads, the parent, accuracy, width and depth. They grow after each
    round.

    Args:
        on_progress: called with the number of candidates before the running round, and its state.

    Raises:
        StudyError: a candidate failed, after its round is over; what is there is kept.
    """
    folder = Path(folder)
    found: list[Candidate] = []
    cells: list[PlannedCell] = []
    while len(found) < search.candidates:
        proposed = propose(search, found)
        cells += [_planned(search, *one) for one in proposed]
        part = Part(
            cells=tuple(cells),
            recipe=search.recipe,
            data=(search.data,),
            learning_rates=(search.recipe.learning_rate,),
            seeds=(search.seed,),
        )
        study = Study(search.name, (part,))
        before = len(found)

        def tell(snapshot: Snapshot, before: int = before) -> None:
            if on_progress is not None:
                on_progress(before, snapshot)

        summary = run_study(
            study, folder, data_dir=data_dir, device=device, engine=engine, on_progress=tell
        )
        if summary.failed:
            name, error = next(iter(summary.failed.items()))
            raise StudyError(
                f"{len(summary.failed)} candidates failed, of which {name}: "
                f"{error.strip().splitlines()[-1]}; run the search again to go on"
            )
        accuracies = _accuracies(folder)
        found += [
            Candidate(number, genotype, parent, accuracies[label(number)])
            for number, genotype, parent in proposed
        ]
        _write_logs(StudyPaths(folder), found)
    return found


def _planned(search: Search, number: int, genotype: Genotype, parent: int | None) -> PlannedCell:
    variant = "drawn" if parent is None else f"child of {label(parent)}"
    return PlannedCell(label(number), search.name, variant, genotype.named(label(number)))


def _accuracies(folder: Path) -> dict[str, float]:
    paths = StudyPaths(folder)
    accuracies = {}
    for entry in plan_in(paths).trials:
        training = read_trial(paths, entry).training
        point = training.last if training is not None and training.diverged_at is None else None
        value = point.validation_accuracy if point is not None else None
        accuracies[entry["label"]] = math.nan if value is None else value
    return accuracies


def _write_logs(paths: StudyPaths, found: list[Candidate]) -> None:
    best = found[0]
    tried, best_so_far = [], []
    for candidate in found:
        best = best_of((best, candidate))
        tried.append(_line(candidate, candidate.number))
        best_so_far.append(_line(best, candidate.number))
    for path, lines in ((paths.candidates, tried), (paths.best, best_so_far)):
        write_bytes(path, ("\n".join(lines) + "\n").encode())


def _line(candidate: Candidate, epoch: int) -> str:
    wiring = topology(candidate.genotype.normal)
    record: dict[str, Any] = {
        "epoch": epoch,
        "candidate": candidate.number,
        "parent": candidate.parent,
        "validation_accuracy": candidate.accuracy,
        "normal_width": float(wiring.fractional_width),
        "normal_depth": wiring.depth,
        "genotype": to_dict(candidate.genotype),
    }
    return json.dumps(plain(record))
