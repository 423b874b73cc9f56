"""Writing the report of one study or several, also while they still run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nascope._src.errors import StudyError
from nascope._src.records.files import write_bytes
from nascope._src.records.paths import StudyPaths
from nascope._src.records.read import StudyRecord, combine_studies, read_study
from nascope._src.report.arrangement import arrange
from nascope._src.report.figures.folder import draw_study
from nascope._src.report.html.page import Judged, render
from nascope._src.report.html.theory_page import theory_sections
from nascope._src.results.findings.judge import judge_study, too_small
from nascope._src.results.table import measure_study
from nascope._src.results.text.findings import too_small_sentence


def write_report(
    *folders: str | Path, output: str | Path | None = None, figures: bool = True
) -> Path:
    """Write the page of a study, or of several on one page, from the records in their folders.

    Args:
        folders: of the studies; may still be growing.
        output: the page; by default FOLDER/report.html of one study. Several need it.
        figures: whether to draw the figures for print too, which take most of the time: PNG with
            their data beside them, in FOLDER/figures. Of several studies none are drawn.

    Returns:
        The page's path.

    Raises:
        StudyError: a folder holds no study, a file of it is damaged, or the output cannot be
            written.
    """
    if len(folders) != 1 and (output is None or not folders):
        raise StudyError("a report of several studies needs a page's name: give output")
    paths = [StudyPaths(Path(folder)) for folder in folders]
    studies = [read_study(path.folder) for path in paths]
    study = combine_studies(studies)
    arrangement = arrange(study)
    measured = measure_study(study)
    posters: dict[str, bytes] | None = None
    if figures and len(studies) == 1:
        posters = draw_study(arrangement, measured.levels, paths[0].figures)
    page = render(
        arrangement,
        measured,
        judged=_judged(study, studies, paths),
        posters=posters,
    )
    target = Path(output) if output is not None else paths[0].report
    write_bytes(target, page.encode("utf-8"))
    return target


def _judged(
    whole: StudyRecord, studies: Sequence[StudyRecord], paths: Sequence[StudyPaths]
) -> list[Judged]:
    """Each study by itself, under the names that its cells have on a page of them all."""
    found, first = [], 0
    for number, (study, path) in enumerate(zip(studies, paths, strict=True)):
        last = first + len(study.trials)
        own = replace(study, trials=whole.trials[first:last])
        prefix = f"t{number}-" if len(studies) > 1 else ""
        theory = theory_sections(path.theory, prefix)
        why = too_small(own)
        reason = None if why is None else too_small_sentence(why)
        found.append(Judged(own, judge_study(own), reason, theory))
        first = last
    return found
