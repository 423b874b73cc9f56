"""Writing a study's report, also while the study still runs."""

from __future__ import annotations

from pathlib import Path

from nascope.analysis import measure_study
from nascope.records import read_study
from nascope.records.files import write_bytes
from nascope.records.paths import StudyPaths
from nascope.report.arrangement import arrange
from nascope.report.page import render


def write_report(folder: Path, *, output: Path | None = None, figures: bool = True) -> Path:
    """Write a study's page, and its figures for print, from the records in its folder.

    Args:
        folder: the study's folder; may still be growing.
        output: the page; FOLDER/report.html if not given. The figures always go to
            FOLDER/figures, each as PNG with its data beside it.
        figures: whether to draw the figures for print, which take most of the time.

    Returns:
        The page's path.

    Raises:
        StudyError: the folder holds no study, a file of it is damaged, or the output cannot be
            written.
    """
    paths = StudyPaths(Path(folder))
    study = read_study(paths.folder)
    arrangement = arrange(study)
    levels, measured = measure_study(study)
    posters: dict[str, bytes] = {}
    if figures:
        from nascope.report.figures import draw_figures  # noqa: PLC0415  (matplotlib is slow)

        posters = draw_figures(arrangement, levels, paths.figures)
    page = render(arrangement, levels, measured, posters=posters)
    target = Path(output) if output is not None else paths.report
    write_bytes(target, page.encode("utf-8"))
    return target
