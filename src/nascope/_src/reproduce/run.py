"""Run what a reproduction lacks, then draw each figure and compare it with the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nascope._src.records.paths import StudyPaths
from nascope._src.records.read import StudyRecord, read_study, read_trial
from nascope._src.reproduce.plan import FigurePlan, ReproductionPlan
from nascope._src.reproduce.theory import TheoryPaths, read_results, tasks
from nascope._src.results.findings.theorems import proved_holds
from nascope._src.study.engines.task import Engine, Task
from nascope._src.study.progress import ProgressTracker, RunProgress
from nascope._src.study.run import RunSummary, run_plan

if TYPE_CHECKING:
    from nascope._src.reproduce.compare import Comparison


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
class DrawnFigure:
    """A figure, drawn and compared.

    Attributes:
        paths: of the figures and their data, the main one first.
        here: what came out here, in lines.
        agreement: whether that agrees with the paper, in lines.
        page: the theory's.
        holds: whether everything that is proved held; a bug where not.
    """

    figure: FigurePlan
    paths: tuple[Path, ...]
    here: tuple[str, ...]
    agreement: tuple[str, ...]
    page: Path | None = None
    holds: bool = True


def run_reproduction(
    reproduction: ReproductionPlan,
    folder: Path,
    engine: Engine,
    *,
    data_dir: str | None = None,
    device: str = "auto",
    on_progress: Callable[[RunProgress], None] | None = None,
) -> RunSummary:
    """Run what the figures lack in a folder; what they share is done once.

    The folder's study grows by the trials that are asked for.

    Raises:
        NascopeError: the device or folder cannot be used.
    """
    paths = ReproductionPaths(folder.absolute())  # workers may run elsewhere
    plan = reproduction.plan
    done = RunSummary(0, 0, {})
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
    scale = reproduction.figures[0].scale
    todo = tasks([figure.target for figure in reproduction.figures], scale, paths.theory)
    return _run_tasks(todo, engine, done, on_progress)


def _run_tasks(
    tasks: list[Task],
    engine: Engine,
    before: RunSummary,
    on_progress: Callable[[RunProgress], None] | None,
) -> RunSummary:
    tracker = ProgressTracker(tasks, on_progress)
    failed: dict[str, str] = {}
    for outcome in engine.run(tasks, tracker.update):
        if outcome.error is not None:
            failed[outcome.name] = outcome.error
        tracker.end(outcome)
    done = before.done + len(tasks) - len(failed)
    return RunSummary(done, before.already_done, before.failed | failed)


def draw_reproduction(reproduction: ReproductionPlan, folder: Path) -> Iterator[DrawnFigure]:
    """Draw each figure from what its trials have left, also while others of them still run.

    Raises:
        StudyError: a file cannot be written, or one of the theory's is damaged.
    """
    from nascope._src.reproduce.compare import Comparison  # noqa: PLC0415  (matplotlib is slow)

    comparison = Comparison(lambda: read_study(folder))
    for figure in reproduction.figures:
        yield _drawn(figure, ReproductionPaths(folder), comparison)


def _drawn(figure: FigurePlan, paths: ReproductionPaths, comparison: Comparison) -> DrawnFigure:
    from nascope._src.reproduce.compare import lines_here  # noqa: PLC0415
    from nascope._src.reproduce.draw import draw_figure  # noqa: PLC0415

    if figure.target.recipe is not None and not figure.plan.trials:
        absent = [f"{column.title}: {column.absent}" for column in figure.columns]
        return DrawnFigure(figure, (), tuple(line.replace("\n", " ") for line in absent), ())
    study = _study_of(figure, paths.study)
    theory = read_results(figure.target, paths.theory)
    if theory is None:
        return DrawnFigure(figure, (), ("not run yet",), ())
    written: list[Path] = []
    for stem, drawing in draw_figure(figure, study, theory).items():
        written += drawing.write(paths.figures, stem)
    page = None
    if figure.target.drawing == "theory":
        from nascope._src.report.html.theory_page import write_theory_page  # noqa: PLC0415

        page = write_theory_page(paths.theory.folder)
    return DrawnFigure(
        figure,
        tuple(written),
        tuple(lines_here(figure, study, theory)),
        tuple(comparison.agreement(figure, theory)) if _can_be_judged(figure, paths) else (),
        page,
        holds=proved_holds(theory.extremes, theory.check),
    )


def _can_be_judged(figure: FigurePlan, paths: ReproductionPaths) -> bool:
    """Whether anything was ever run of what the question needs."""
    return figure.target.recipe is None or paths.study.plan.is_file()


def _study_of(figure: FigurePlan, paths: StudyPaths) -> StudyRecord:
    """The question's own trials, as far as they are there."""
    trials = tuple(read_trial(paths, entry) for entry in figure.plan.trials)
    return StudyRecord(figure.target.name, paths.folder, trials)
