"""Running a search: round by round on the engines and trials of a study."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.cells.graph import topology
from nascope._src.errors import StudyError
from nascope._src.records.files import plain, write_bytes
from nascope._src.records.locks import locked
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import Entry, Plan, read_plan, write_plan
from nascope._src.records.read import read_training
from nascope._src.study.definition import Part, PlannedCell, Study
from nascope._src.study.engines.task import Engine
from nascope._src.study.run import Snapshot, run_part
from nascope._src.study.search.candidates import Candidate, Search, best_of, label, propose


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
    `cells.search_log` reads, the parent, accuracy, width and depth. They grow after each
    round, as the plan does before it. Where the same search has come further in the folder, none
    of them shrinks; another search's are replaced.

    Args:
        on_progress: called with the number of candidates before the running round, and its state.

    Raises:
        StudyError: a candidate failed, after its round is over; what is there is kept.
    """
    paths = StudyPaths(Path(folder))
    engine.device(device)  # raises before the data are read
    data = {search.data: search.data.load(data_dir)}
    whole = Plan(search.name, ())
    found: list[Candidate] = []
    while len(found) < search.candidates:
        proposed = propose(search, found)
        before = len(found)
        plan = _round(search, proposed).plan(data)
        whole = Plan(search.name, (*whole.trials, *plan.trials))
        _write_plan(paths, whole)

        def tell(snapshot: Snapshot, before: int = before) -> None:
            if on_progress is not None:
                on_progress(before, snapshot)

        summary = run_part(
            plan, whole, folder, engine, data_dir=data_dir, device=device, on_progress=tell
        )
        if summary.failed:
            name, error = next(iter(summary.failed.items()))
            raise StudyError(
                f"{len(summary.failed)} candidates failed, of which {name}: "
                f"{error.strip().splitlines()[-1]}; run the search again to go on"
            )
        found += [
            Candidate(number, genotype, parent, _accuracy(paths, entry))
            for (number, genotype, parent), entry in zip(proposed, plan.trials, strict=True)
        ]
        _write_logs(paths, found)
    return found


def _round(search: Search, proposed: Sequence[tuple[int, Genotype, int | None]]) -> Study:
    part = Part(
        cells=tuple(_planned(search, *one) for one in proposed),
        recipe=search.recipe,
        data=(search.data,),
        learning_rates=(search.recipe.learning_rate,),
        seeds=(search.seed,),
    )
    return Study(search.name, (part,))


def _planned(search: Search, number: int, genotype: Genotype, parent: int | None) -> PlannedCell:
    variant = "drawn" if parent is None else f"child of {label(parent)}"
    return PlannedCell(label(number), search.name, variant, genotype.named(label(number)))


def _write_plan(paths: StudyPaths, plan: Plan) -> None:
    """Write the plan, but where one is there that begins with it."""
    with locked(paths.plan_lock):
        before: tuple[Entry, ...] = ()
        if paths.plan.is_file():
            with contextlib.suppress(StudyError):  # damaged, or of another version: replaced
                before = read_plan(paths.plan).trials
        count = len(plan.trials)
        if len(before) <= count or list(map(_key, before[:count])) != list(map(_key, plan.trials)):
            write_plan(paths.plan, plan)


def _key(entry: Entry) -> tuple[Any, Any]:
    return entry["label"], entry["identity"]


def _accuracy(paths: StudyPaths, entry: Entry) -> float:
    """A trained candidate's, on the validation images; NaN where it diverged."""
    checkpoint = paths.trial(entry["label"], entry["identity"]).checkpoint
    training = read_training(checkpoint, identity=entry["identity"])
    point = training.last if training.diverged_at is None else None
    value = point.validation_accuracy if point is not None else None
    return math.nan if value is None else value


def _write_logs(paths: StudyPaths, found: list[Candidate]) -> None:
    best = found[0]
    tried, best_so_far = [], []
    for candidate in found:
        best = best_of((best, candidate))
        tried.append(_line(candidate, candidate.number))
        best_so_far.append(_line(best, candidate.number))
    for path, lines in ((paths.candidates, tried), (paths.best, best_so_far)):
        content = ("\n".join(lines) + "\n").encode()
        if not (path.is_file() and path.read_bytes().startswith(content)):
            write_bytes(path, content)


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
