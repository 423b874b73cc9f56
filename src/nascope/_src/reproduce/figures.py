"""Draw a figure of the paper from the records of its trials."""

from __future__ import annotations

from nascope._src.records.read import StudyRecord
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.accuracies import draw_accuracies
from nascope._src.report.figures.drawn import Drawn
from nascope._src.report.figures.linear_cells import draw_linear_cells
from nascope._src.report.figures.paper_curves import draw_curves
from nascope._src.report.figures.paper_grids import draw_grids, in_mode
from nascope._src.report.figures.table1 import draw_table, parts_of
from nascope._src.report.figures.theory import sweep_figures
from nascope._src.report.figures.theory_tables import sweep_tables
from nascope._src.report.figures.topologies import draw_topologies
from nascope._src.reproduce.plan import FigurePlan
from nascope._src.reproduce.theory import TheoryResults
from nascope._src.results.findings.figures import convergence_of
from nascope._src.results.paper.claims import MODES
from nascope._src.results.text.figures import convergence_line


def draw_figure(figure: FigurePlan, study: StudyRecord, theory: TheoryResults) -> dict[str, Drawn]:
    """Return the figure's drawings by the stems of their files, the main one first.

    Args:
        study: of the figure's trials.
        theory: the results on linear cells that the figure needs.
    """
    note = figure.scale.note
    match figure.target.drawing:
        case "topologies":
            named = [(cell.label, cell.genotype) for cell in figure.cells]
            drawn = draw_topologies(named, figure.title)
        case "curves":
            drawn = draw_curves(arrange(study), figure.columns, figure.title, note)
        case "accuracies":
            convergence = convergence_of(study.trials)
            note = f"{note}\n{convergence_line(convergence)}" if convergence else note
            drawn = draw_accuracies(arrange(study), figure.columns, figure.title, note)
        case "table1":
            parts = parts_of(arrange(study), figure.columns, figure.published)
            drawn = draw_table(parts, figure.title, note)
        case "linear cells":
            assert theory.extremes is not None
            extremes = theory.extremes.as_dict()
            words = f"{extremes['cells']} random cells at each λ: medians, and 80 % of the cells"
            drawn = draw_linear_cells(extremes["outcomes"], figure.title, words)
        case "theory":
            assert theory.sweep is not None
            figures, tables = sweep_figures(theory.sweep), sweep_tables(theory.sweep)
            return {
                f"theory-{name}": Drawn(figure, tables[name]) for name, figure in figures.items()
            }
        case _:
            return _grids(figure, study)
    return {figure.stem: drawn}


def _grids(figure: FigurePlan, study: StudyRecord) -> dict[str, Drawn]:
    """Return one drawing for each BatchNorm mode."""
    assert figure.target.probe is not None
    return {
        figure.stem + ("" if mode == MODES[0] else f"-{mode}"): draw_grids(
            arrange(in_mode(study, mode)),
            figure.target.probe,
            figure.title,
            f"{figure.scale.note}; BatchNorm's statistics {mode}",
            surfaces=figure.target.drawing == "surfaces",
        )
        for mode in MODES
    }
