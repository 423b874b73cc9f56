"""Write the report of one or several studies, also while they are running."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nascope._src.errors import StudyError
from nascope._src.records.files import write_bytes
from nascope._src.records.paths import StudyPaths
from nascope._src.records.read import combine_studies, read_study, warn_of_damage
from nascope._src.records.verification import list_checksums
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.folder import draw_study
from nascope._src.report.figures.reliability import draw_reliability, first_setting
from nascope._src.report.html.evidence_section import page_tables
from nascope._src.report.html.page import page_study, render_page
from nascope._src.report.html.theory_page import theory_sections
from nascope._src.results.evidence.table_evidence import evidence_of
from nascope._src.results.external.accuracies import read_tables
from nascope._src.results.reliability import measure_reliability
from nascope._src.results.table import measure_study


def write_report(
    *folders: str | Path,
    output: str | Path | None = None,
    figures: bool = True,
    evidence: Sequence[str | Path] = (),
) -> Path:
    """Write a page about one or several studies from the records in their folders.

    Args:
        folders: of the studies, which may still be running.
        output: path of the page. By default FOLDER/report.html; required for several studies.
        figures: also draw the figures for print, which takes most of the time: PNG files and
            their data, in FOLDER/figures. Several studies get no such figures.
        evidence: tables of accuracies that others measured, for a section of their own; see
            docs/guides/tables.md.

    Returns:
        The page's path.

    Raises:
        StudyError: a folder holds no study, a file of it is damaged, a table cannot be read, or
            the output cannot be written.
    """
    if len(folders) != 1 and (output is None or not folders):
        raise StudyError("a report of several studies needs a page's name: give output")
    paths = [StudyPaths(Path(folder)) for folder in folders]
    studies = [read_study(path.folder) for path in paths]
    for study in studies:
        warn_of_damage(study)
    tables = [evidence_of(table) for path in evidence for table in read_tables(Path(path))]
    study = combine_studies(studies)
    arrangement = arrange(study)
    measured = measure_study(study)
    reliabilities = [measure_reliability(record) for record in studies]
    posters: dict[str, bytes] | None = None
    written: list[Path] = []
    if figures and len(studies) == 1:
        posters, written = draw_study(arrangement, measured.levels, paths[0].figures)
        if entries := first_setting(reliabilities[0]):
            written += draw_reliability(entries).write(paths[0].figures, "reliability")
    parts, first = [], 0
    for number, (record, path) in enumerate(zip(studies, paths, strict=True)):
        last = first + len(record.trials)
        named = replace(record, trials=study.trials[first:last])  # as on the page
        theory = theory_sections(path.theory, f"t{number}-" if len(studies) > 1 else "")
        parts.append(
            page_study(
                named,
                arrangement,
                measured,
                number=number,
                theory=theory,
                reliabilities=reliabilities[number],
            )
        )
        first = last
    page = render_page(arrangement, measured, parts, posters, evidence=page_tables(tables))
    target = Path(output) if output is not None else paths[0].report
    write_bytes(target, page.encode("utf-8"))
    if target == paths[0].report:
        written.append(target)
    if written:
        list_checksums(paths[0], written)
    return target
