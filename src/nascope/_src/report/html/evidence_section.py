"""The page's section on tables of accuracies that others measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nascope._src.report.figures.evidence import draw_table
from nascope._src.results.evidence.numbers import TableEvidence
from nascope._src.results.text.evidence import heading, in_brackets, method


@dataclass(frozen=True)
class PageStatement:
    """A statement as the page shows it."""

    text: str
    verdict: str
    number: str


@dataclass(frozen=True)
class PageTable:
    """A table as the page shows it."""

    name: str
    heading: str
    method: str
    notes: tuple[str, ...]
    statements: tuple[PageStatement, ...]
    svg: Markup


def page_tables(tables: Sequence[TableEvidence]) -> list[PageTable]:
    """Return what the page says about each table."""
    return [
        PageTable(
            evidence.table.name,
            heading(evidence),
            method(evidence),
            evidence.notes,
            tuple(
                PageStatement(one.statement, one.verdict, in_brackets(one.estimate))
                for one in evidence.statements
            ),
            draw_table(evidence).inline_svg(f"evidence{number}"),
        )
        for number, evidence in enumerate(tables)
    ]
