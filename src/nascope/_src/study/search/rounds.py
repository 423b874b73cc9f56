"""Run a search: train each round of candidates as trials of a study."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nascope._src.cells.genotype import to_dict
from nascope._src.cells.graph import topology
from nascope._src.errors import StudyError
from nascope._src.records.files import plain, write_bytes
from nascope._src.records.locks import locked
from nascope._src.records.paths import StudyPaths
from nascope._src.records.plan import Plan, PlannedTrial, read_plan, write_plan
from nascope._src.records.read import read_training
from nascope._src.records.verification import list_checksums
from nascope._src.study.definition import Part, PlannedCell, StudyDefinition
from nascope._src.study.engines.task import Engine
from nascope._src.study.progress import RunProgress
from nascope._src.study.run import run_part
from nascope._src.study.search.candidates import (
    Proposal,
    ScoredProposal,
    Search,
    best_of,
    candidate_label,
    propose,
)


def run_search(
    search: Search,
    folder: str | Path,
    engine: Engine,
    *,
    data_dir: str | None = None,
    device: str = "auto",
    on_progress: Callable[[int, RunProgress], None] | None = None,
) -> list[ScoredProposal]:
    """Run or resume a search in a study's folder.

    Two logs are written: ``candidates.jsonl`` lists all candidates in order, and ``best.jsonl`` the
    best one so far at each of them. Each line is a JSON object with ``epoch`` (number of the
    candidate) and ``genotype``, which `cells.search_log` reads, and parent, accuracy, width and
    depth.

    Logs and plan grow with each round, and never shrink if the same search has come further in the
    folder. Those of another search are replaced.

    Args:
        on_progress: called with the number of candidates before the current round, and the progress
            of the round.

    Raises:
        StudyError: a candidate failed. Its round is completed first, and all results are kept.
    """
    paths = StudyPaths(Path(folder))
    engine.device(device)  # raises before the data are read
    data = {search.data: search.data.load(data_dir)}
    whole = Plan(search.name, ())
    scored: list[ScoredProposal] = []
    while len(scored) < search.candidates:
        proposals = propose(search, scored)
        num_before = len(scored)
        plan = _round(search, proposals).plan(data)
        whole = Plan(search.name, (*whole.trials, *plan.trials))
        _write_plan(paths, whole)

        def report(progress: RunProgress, num_before: int = num_before) -> None:
            if on_progress is not None:
                on_progress(num_before, progress)

        summary = run_part(
            plan, whole, folder, engine, data_dir=data_dir, device=device, on_progress=report
        )
        if summary.failed:
            name, error = next(iter(summary.failed.items()))
            raise StudyError(
                f"{len(summary.failed)} candidates failed, for example {name}: "
                f"{error.strip().splitlines()[-1]}; run the search again to resume it"
            )
        scored += [
            ScoredProposal(
                proposal.number, proposal.genotype, proposal.parent, _accuracy(paths, trial)
            )
            for proposal, trial in zip(proposals, plan.trials, strict=True)
        ]
        _write_logs(paths, scored)
    return scored


def _round(search: Search, proposals: Sequence[Proposal]) -> StudyDefinition:
    part = Part(
        cells=tuple(_planned_cell(search, proposal) for proposal in proposals),
        recipe=search.recipe,
        data=(search.data,),
        learning_rates=(search.recipe.learning_rate,),
        seeds=(search.seed,),
    )
    return StudyDefinition(search.name, (part,))


def _planned_cell(search: Search, proposal: Proposal) -> PlannedCell:
    parent, label = proposal.parent, proposal.label
    variant = "drawn" if parent is None else f"child of {candidate_label(parent)}"
    return PlannedCell(label, search.name, variant, proposal.genotype.named(label))


def _write_plan(paths: StudyPaths, plan: Plan) -> None:
    """Write the plan, unless the folder holds a longer plan that begins with it."""
    with locked(paths.plan_lock):
        existing: tuple[PlannedTrial, ...] = ()
        if paths.plan.is_file():
            with contextlib.suppress(StudyError):  # damaged, or of another version: replaced
                existing = read_plan(paths.plan).trials
        count = len(plan.trials)
        begins_with_it = [t.key for t in existing[:count]] == [t.key for t in plan.trials]
        if len(existing) <= count or not begins_with_it:
            write_plan(paths.plan, plan)


def _accuracy(paths: StudyPaths, trial: PlannedTrial) -> float:
    """Return the validation accuracy of a trained candidate; NaN if it diverged."""
    training = read_training(trial.paths_in(paths).checkpoint, identity=trial.identity)
    last = training.last if training.diverged_at is None else None
    accuracy = last.validation_accuracy if last is not None else None
    return math.nan if accuracy is None else accuracy


def _write_logs(paths: StudyPaths, scored: Sequence[ScoredProposal]) -> None:
    best = scored[0]
    candidate_lines, best_lines = [], []
    for candidate in scored:
        best = best_of((best, candidate))
        candidate_lines.append(_line(candidate, candidate.number))
        best_lines.append(_line(best, candidate.number))
    for path, lines in ((paths.candidates, candidate_lines), (paths.best, best_lines)):
        content = ("\n".join(lines) + "\n").encode()
        if not (path.is_file() and path.read_bytes().startswith(content)):
            write_bytes(path, content)
    list_checksums(paths, (paths.candidates, paths.best))


def _line(candidate: ScoredProposal, epoch: int) -> str:
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
