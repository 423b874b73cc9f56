"""The figures of a question, drawn from the records of its trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from nascope._src.reproduce.questions import Question
from nascope._src.reproduce.theory import TheoryResults
from nascope._src.reproduce.words import how_converged
from nascope._src.results.paper.claims import MODES

Plain = Mapping[str, Any]


def pictures(question: Question, study: StudyRecord, theory: TheoryResults) -> dict[str, Drawn]:
    """By the stems of their files, the main one first.

    Args:
        study: of the question's trials.
        theory: the results on linear cells that the question needs.
    """
    target, note = question.target, question.scale.note
    match target.drawing:
        case "topologies":
            named = [(cell.label, cell.genotype) for cell in question.cells]
            drawn = draw_topologies(named, question.title)
        case "curves":
            drawn = draw_curves(arrange(study), question.columns, question.title, note)
        case "accuracies":
            converged = how_converged(study.trials)
            note = f"{note}\n{converged}" if converged else note
            drawn = draw_accuracies(arrange(study), question.columns, question.title, note)
        case "table1":
            parts = parts_of(arrange(study), question.columns, question.published)
            drawn = draw_table(parts, question.title, note)
        case "linear cells":
            assert theory.extremes is not None
            extremes = theory.extremes.as_dict()
            words = f"{extremes['cells']} random cells at each λ: medians, and 80 % of the cells"
            drawn = draw_linear_cells(extremes["outcomes"], question.title, words)
        case "theory":
            assert theory.sweep is not None
            figures, tables = sweep_figures(theory.sweep), sweep_tables(theory.sweep)
            return {
                f"theory-{name}": Drawn(figure, tables[name]) for name, figure in figures.items()
            }
        case _:
            return _grids(question, study)
    return {question.stem: drawn}


def _grids(question: Question, study: StudyRecord) -> dict[str, Drawn]:
    """A figure for each way to treat BatchNorm."""
    target = question.target
    assert target.probe is not None
    return {
        question.stem + ("" if mode == MODES[0] else f"-{mode}"): draw_grids(
            arrange(in_mode(study, mode)),
            target.probe,
            question.title,
            f"{question.scale.note}; BatchNorm's statistics {mode}",
            surfaces=target.drawing == "surfaces",
        )
        for mode in MODES
    }
