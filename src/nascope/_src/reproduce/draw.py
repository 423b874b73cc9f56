"""Draw a figure of the paper from the records of its trials."""

from __future__ import annotations

from nascope._src.records.read import StudyRecord
from nascope._src.report.accuracies import parts_of
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.accuracies import draw_accuracies
from nascope._src.report.figures.curves import curve_columns, draw_curves
from nascope._src.report.figures.grid_panels import in_mode
from nascope._src.report.figures.grids import draw_grids
from nascope._src.report.figures.linear_cells import draw_linear_cells
from nascope._src.report.figures.style import Drawing
from nascope._src.report.figures.table1 import draw_table
from nascope._src.report.figures.theory_sweep import draw_sweep
from nascope._src.report.figures.topologies import draw_topologies
from nascope._src.reproduce.plan import FigurePlan
from nascope._src.reproduce.theory import TheoryResults
from nascope._src.results.findings.places import convergence_of
from nascope._src.results.paper.claims import MODES
from nascope._src.results.text.places import convergence_line


def draw_figure(
    figure: FigurePlan, study: StudyRecord, theory: TheoryResults
) -> dict[str, Drawing]:
    """Return the figure's drawings by the stems of their files, the main one first.

    Args:
        study: of the figure's trials.
        theory: the results on linear cells that the figure needs.
    """
    title, note, columns = figure.title, figure.scale.note, figure.columns
    match figure.target.drawing:
        case "topologies":
            named = [(cell.label, cell.genotype) for cell in figure.cells]
            drawing = draw_topologies(named, title, style="paper")
        case "curves":
            arrangement = arrange(study)
            shown = curve_columns(arrangement, columns)
            drawing = draw_curves(shown, arrangement, title, note, style="paper")
        case "accuracies":
            convergence = convergence_of(study.trials)
            note = f"{note}\n{convergence_line(convergence)}" if convergence else note
            drawing = draw_accuracies(arrange(study), columns, title, note, style="paper")
        case "table1":
            parts = parts_of(arrange(study), columns, figure.published)
            drawing = draw_table(parts, title, note, style="paper")
        case "linear cells":
            assert theory.extremes is not None
            extremes = theory.extremes
            words = f"{extremes.cells} random cells at each λ: medians, and 80 % of the cells"
            drawing = draw_linear_cells(extremes.outcomes, title, words, style="paper")
        case "theory":
            assert theory.sweep is not None
            drawings = draw_sweep(theory.sweep, style="paper")
            return {f"theory-{name}": drawing for name, drawing in drawings.items()}
        case _:
            return _grids(figure, study)
    return {figure.stem: drawing}


def _grids(figure: FigurePlan, study: StudyRecord) -> dict[str, Drawing]:
    """Return one drawing for each BatchNorm mode."""
    assert figure.target.probe is not None
    return {
        figure.stem + ("" if mode == MODES[0] else f"-{mode}"): draw_grids(
            arrange(in_mode(study, mode)),
            figure.target.probe,
            figure.title,
            f"{figure.scale.note}; BatchNorm's statistics {mode}",
            surfaces=figure.target.drawing == "surfaces",
            style="paper",
        )
        for mode in MODES
    }
