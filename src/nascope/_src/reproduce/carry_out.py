"""Carrying a reproduction out: what is missing is run, then each figure is drawn and told."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nascope._src.records.paths import StudyPaths
from nascope._src.records.read import StudyRecord, read_study, read_trial
from nascope._src.reproduce.agreement import Judge
from nascope._src.reproduce.questions import Question, Questions
from nascope._src.reproduce.theorems import proved_holds
from nascope._src.reproduce.theory import TheoryPaths, read_results, tasks
from nascope._src.study.engines.task import Engine, Task
from nascope._src.study.run import Snapshot, Summary, run_plan


@dataclass(frozen=True)
class ReproductionPaths:
    """Files of a reproduction at one scale: a study, the figures of the paper, the theory."""

    folder: Path

    @property
    def study(self) -> StudyPaths:
        return StudyPaths(self.folder)

    @property
    def figures(self) -> Path:
        return self.folder / "paper"

    @property
    def theory(self) -> TheoryPaths:
        return TheoryPaths(self.study.theory)


@dataclass(frozen=True)
class Result:
    """A question's target, drawn.

    Attributes:
        paths: of the figures and their data, the main one first.
        here: what came out here, in lines.
        agreement: whether that agrees with the paper, in lines.
        page: the theory's.
        holds: whether everything that is proved held; a bug where not.
    """

    question: Question
    paths: tuple[Path, ...]
    here: tuple[str, ...]
    agreement: tuple[str, ...]
    page: Path | None = None
    holds: bool = True


def run_questions(
    asked: Questions,
    folder: Path,
    engine: Engine,
    *,
    data_dir: str | None = None,
    device: str = "auto",
    on_progress: Callable[[Snapshot], None] | None = None,
) -> Summary:
    """Run what the questions lack in a folder; what they have in common is done once.

    The folder's study grows by what is asked for.

    Raises:
        NascopeError: the device or folder cannot be used.
    """
    paths = ReproductionPaths(folder.absolute())  # workers may run elsewhere
    plan = asked.plan
    done = Summary(0, 0, {})
    if plan.trials:
        done = run_plan(
            plan,
            folder,
            engine,
            data_dir=data_dir,
            device=device,
            extend=True,
            on_progress=on_progress,
        )
    scale = asked.questions[0].scale
    todo = tasks([question.target for question in asked.questions], scale, paths.theory)
    return _run_tasks(todo, engine, done, on_progress)


def _run_tasks(
    todo: list[Task],
    engine: Engine,
    before: Summary,
    on_progress: Callable[[Snapshot], None] | None,
) -> Summary:
    start = time.monotonic()
    shares: dict[str, float] = {}
    running: dict[str, str] = {}
    failed = dict(before.failed)

    def tell(ended: tuple[str, str | None] | None = None) -> None:
        if on_progress is not None:
            share, spent = sum(shares.values()) / len(todo), time.monotonic() - start
            left = spent * (1 - share) / share if spent > 3 and share > 0 else None
            on_progress(Snapshot(share, spent, left, dict(running), ended))

    def update(name: str, share: float, words: str) -> None:
        shares[name], running[name] = share, words
        tell()

    for outcome in engine.run(todo, update):
        shares[outcome.name] = 1.0
        running.pop(outcome.name, None)
        if outcome.error is not None:
            failed[outcome.name] = outcome.error
        tell((outcome.name, outcome.error))
    done = before.done + len(todo) - (len(failed) - len(before.failed))
    return dataclasses.replace(before, done=done, failed=failed)


def draw_questions(asked: Questions, folder: Path) -> Iterator[Result]:
    """Draw each target from what its trials have left, also while others of them still run.

    Raises:
        StudyError: a file cannot be written, or one of the theory's is damaged.
    """
    judge = Judge(lambda: read_study(folder))
    for question in asked.questions:
        yield _drawn(question, ReproductionPaths(folder), judge)


def _drawn(question: Question, paths: ReproductionPaths, judge: Judge) -> Result:
    from nascope._src.report.figures.drawn import in_print, write  # noqa: PLC0415  (matplotlib is slow)
    from nascope._src.reproduce.pictures import pictures  # noqa: PLC0415
    from nascope._src.reproduce.words import here  # noqa: PLC0415

    study = _study_of(question, paths.study)
    theory = read_results(question.target, paths.theory)
    if theory is None:
        return Result(question, (), ("not run yet",), ())
    written: list[Path] = []
    with in_print():
        for stem, drawn in pictures(question, study, theory).items():
            written += write(drawn, paths.figures, stem)
    page = None
    if question.target.drawing == "theory":
        from nascope._src.report.html.theory_page import write_theory_page  # noqa: PLC0415

        page = write_theory_page(paths.theory.folder)
    return Result(
        question,
        tuple(written),
        tuple(here(question, study, theory)),
        tuple(judge.agreement(question, theory)) if _can_be_judged(question, paths) else (),
        page,
        holds=proved_holds(theory),
    )


def _can_be_judged(question: Question, paths: ReproductionPaths) -> bool:
    """Whether anything was ever run of what the question needs."""
    return question.target.recipe is None or paths.study.plan.is_file()


def _study_of(question: Question, paths: StudyPaths) -> StudyRecord:
    """The question's own trials, as far as they are there."""
    trials = tuple(read_trial(paths, entry) for entry in question.plan.trials)
    return StudyRecord(question.target.name, paths.folder, trials)
