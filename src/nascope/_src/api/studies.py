"""Studies: many training runs and probes under one name."""

from __future__ import annotations

import html
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nascope._src.cells.genotype import Genotype, to_dict
from nascope._src.cells.graph import topology
from nascope._src.records.paths import slug
from nascope._src.records.read import StudyRecord, warn_of_damage
from nascope._src.records.read import read_study as read_records
from nascope._src.results.export import Table, flat_table
from nascope._src.results.findings.designs import judge_designs
from nascope._src.results.findings.judge import judge_study, too_small
from nascope._src.results.findings.mediation import judge_mediation
from nascope._src.results.reliability import measure_reliability
from nascope._src.results.text import designs
from nascope._src.results.text.findings import as_row, too_small_sentence
from nascope._src.results.text.mediation import mediation_row
from nascope._src.results.text.reliability import reliability_row
from nascope._src.runtime.progress import display
from nascope._src.study.progress import RunProgress
from nascope._src.study.run import run_study as execute_study
from nascope._src.study.study_file import build_study, read_study_file

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 12  # of a table in a notebook


class Study:
    """A plan of training runs and probes: what a study file says, in Python.

    Every cell is trained on all data sets, at every learning rate, with every seed, and then
    probed. The sections are dictionaries with the keys of a study file (docs/guides/studies.md).

    Args:
        cells: Cells by name, file or text, or `Genotype` objects.
        name: Name of the study.
        variants: ``method``, ``seeds``, ``cells``, ``adapted``: variants of each cell.
        design: ``kind`` ("contrast" or "factorial"), ``allocations``, ``seed``, ``widths``,
            ``depths``: matched designed variants of each cell, in place of the cell.
        data: ``name``, ``train_size``, ``test_size``, ``validation_size``.
        training: ``recipe``, ``scale``, ``learning_rates``, ``seeds``, ``overrides``.
        landscape: Settings of loss landscapes, such as ``points``; {} for the defaults.
        variance: Settings of gradient variances.
        curvature: Settings of curvatures.
        parts: Dictionaries of these arguments except the name. Each describes a part of the
            study, in which it replaces what is given outside.

    Raises:
        StudyError: A key is unknown or a value out of range; the message names the dotted key.
        GenotypeError: There is no such cell.

    >>> Study(
    ...     ["DARTS", "SNAS"],
    ...     name="demo",
    ...     variants={"seeds": [1, 2]},
    ...     training={"scale": "tiny", "seeds": [0, 1]},
    ...     landscape={"points": 11},
    ... )
    Study('demo': 6 cells, 12 trials, each with a landscape)
    """

    def __init__(
        self,
        cells: Sequence[Genotype | str] | Genotype | str | None = None,
        *,
        name: str = "study",
        variants: Mapping[str, Any] | None = None,
        design: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        training: Mapping[str, Any] | None = None,
        landscape: Mapping[str, Any] | None = None,
        variance: Mapping[str, Any] | None = None,
        curvature: Mapping[str, Any] | None = None,
        parts: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        sections = {
            "cells": cells,
            "variants": variants,
            "design": design,
            "data": data,
            "training": training,
            "landscape": landscape,
            "variance": variance,
            "curvature": curvature,
        }
        content = _plain(sections)
        if parts is not None:
            content["part"] = [_plain(part) for part in parts]
        self.definition = build_study(content, name=name)

    @classmethod
    def from_file(cls, path: str | Path) -> Study:
        """Read a study from a study file (TOML).

        Raises:
            StudyError: The file is missing or invalid; the message names the dotted key.
        """
        study = cls.__new__(cls)
        study.definition = read_study_file(path)
        return study

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.definition.name

    def __repr__(self) -> str:
        parts = self.definition.parts
        cells = len({cell.label for part in parts for cell in part.cells})
        trials = sum(
            len(p.cells) * len(p.data) * len(p.learning_rates) * len(p.seeds) for p in parts
        )
        kinds = list(dict.fromkeys(probe.kind for part in parts for probe in part.probes))
        probes = f"each with a {' and a '.join(kinds)}" if kinds else "without probes"
        return f"Study({self.name!r}: {cells} cells, {trials} trials, {probes})"

    def _repr_html_(self) -> str:
        cells = {cell.label: cell for part in self.definition.parts for cell in part.cells}
        rows = []
        for label, cell in list(cells.items())[:_ROWS]:
            wiring = topology(cell.genotype.normal)
            rows.append((label, cell.variant, f"{float(wiring.fractional_width):g}c", wiring.depth))
        more = f"<p>and {len(cells) - _ROWS} more cells</p>" if len(cells) > _ROWS else ""
        table = _html_table(("cell", "made", "normal cell's width", "depth"), rows)
        return f"<p>{html.escape(repr(self))}</p>{table}{more}"


def _plain(sections: Mapping[str, Any]) -> dict[str, Any]:
    """The sections as a study file holds them: cells as text, tuples as lists."""
    content = {key: value for key, value in sections.items() if value is not None}
    if "cells" in content:
        cells = content["cells"]
        if isinstance(cells, Genotype | str):
            cells = [cells]
        content["cells"] = [_as_text(cell) for cell in cells]
    plain: dict[str, Any] = json.loads(json.dumps(content, default=_listed))
    return plain


def _listed(value: Any) -> Any:
    """Ranges, mappings and NumPy's numbers and arrays as JSON holds them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return dict(value) if isinstance(value, Mapping) else list(value)


def _as_text(cell: Genotype | str) -> Any:
    if not isinstance(cell, Genotype):
        return cell
    name = {"name": cell.name} if cell.name else {}
    return json.dumps(name | to_dict(cell))


class StudyResults:
    """What a study has left on disk, as `run_study` returns it and `read_study` reads it.

    Args:
        record: The trials and their results.
    """

    def __init__(self, record: StudyRecord) -> None:
        self.record = record

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.record.name

    @property
    def folder(self) -> Path:
        """The folder that it is stored in."""
        return self.record.folder

    def __repr__(self) -> str:
        trials = self.record.trials
        trained = sum(t.training is not None and t.training.finished for t in trials)
        probes = sum(len(trial.probes) for trial in trials)
        failed = sum(trial.error is not None for trial in trials)
        more = f", {failed} failed" if failed else ""
        return (
            f"StudyResults({self.name!r} in {self.folder}: {trained} of {len(trials)} trials "
            f"trained, {probes} probes{more})"
        )

    def _repr_html_(self) -> str:
        rows = []
        for trial in self.record.trials[:_ROWS]:
            last = trial.training.last if trial.training is not None else None
            rows.append(
                (
                    trial.label,
                    trial.data.get("name"),
                    f"{trial.recipe.get('learning_rate', float('nan')):g}",
                    trial.seed,
                    f"{last.epoch:g}" if last is not None else "–",
                    f"{last.test_accuracy:.1%}" if last is not None else "–",
                    len(trial.probes),
                )
            )
        names = ("cell", "data", "rate", "seed", "epochs", "test accuracy", "probes")
        left = len(self.record.trials) - _ROWS
        more = f"<p>and {left} more trials</p>" if left > 0 else ""
        return f"<p>{html.escape(repr(self))}</p>{_html_table(names, rows)}{more}"

    def trials(self) -> pd.DataFrame:
        """Return a pandas frame with one row per trial: cell, recipe, final numbers, provenance."""
        return self._frame("trials")

    def curves(self) -> pd.DataFrame:
        """Return a pandas frame with one row per point of each trial's training curves."""
        return self._frame("curves")

    def probes(self) -> pd.DataFrame:
        """Return a pandas frame with one row per probe: its settings and its numbers."""
        return self._frame("probes")

    def verdicts(self) -> pd.DataFrame:
        """Judge the paper's nine claims; see docs/guides/verdicts.md.

        Returns:
            A pandas frame with one row per claim and setting: the outcome, the effect with its 95 %
            interval, p, and the result as a sentence. Matched pairs of designed variants have rows
            of their own, which name their design and factor. The frame is empty, with a warning, if
            the study is too small to judge.
        """
        import pandas as pd  # noqa: PLC0415  (is slow)

        if (why := too_small(self.record)) is not None:
            warnings.warn(f"no verdicts: {too_small_sentence(why)}", stacklevel=2)
        rows = [as_row(finding) for finding in judge_study(self.record)]
        rows += [designs.as_row(finding) for finding in judge_designs(self.record)]
        return pd.DataFrame(rows)

    def mediation(self) -> pd.DataFrame:
        """Split the effect of designed wirings on speed; see docs/guides/verdicts.md.

        The indirect effect is a b: a is the mean difference of a mediator within pairs, and b the
        slope of ln(area) on it (Judd, Kenny and McClelland 2001).

        Returns:
            A pandas frame with one row per design, factor and mediator at equal training loss: the
            total, indirect and direct effect on ln(area), the share mediated, and 95 % intervals.
            It is empty without designed variants whose networks were probed at a training loss.
        """
        import pandas as pd  # noqa: PLC0415  (is slow)

        return pd.DataFrame([mediation_row(found) for found in judge_mediation(self.record)])

    def reliability(self, cells: Sequence[str] | None = None) -> pd.DataFrame:
        """Measure how reliable each measure is; see docs/guides/reliability.md.

        The share of a wiring is σ²_wiring / (σ²_wiring + σ²_seed + σ²_direction + σ²_mode) of one
        value, from variance components of a balanced part of the study.

        Args:
            cells: Labels of the cells that enter; by default all.

        Returns:
            A pandas frame with one row per measure, BatchNorm mode and setting: the shares of
            wiring (with its 95 % interval, ``low`` and ``high``), seed, direction and mode, and the
            size of the design. It is empty if no family has two wirings with two equal seeds each.

        Raises:
            StudyError: The study has no such cell.
        """
        import pandas as pd  # noqa: PLC0415  (is slow)

        return pd.DataFrame(
            [reliability_row(entry) for entry in measure_reliability(self.record, cells)]
        )

    def report(self, path: str | Path | None = None, *, figures: bool = True) -> Path:
        """Write the report: one HTML page that needs no network.

        Args:
            path: The page; by default report.html in the study's folder.
            figures: Also draw figures for print, in the study's folder.

        Returns:
            The page's path.

        Raises:
            StudyError: The folder cannot be written.
        """
        from nascope._src.report.write import write_report  # noqa: PLC0415  (loads matplotlib)

        return write_report(self.folder, output=path, figures=figures)

    def _frame(self, table: Table) -> pd.DataFrame:
        import pandas as pd  # noqa: PLC0415  (is slow)

        return pd.DataFrame(flat_table(self.record, table))


def _html_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    lines = (
        "<tr>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in row) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def run_study(
    study: Study | str | Path,
    folder: str | Path | None = None,
    *,
    data_dir: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    progress: bool = True,
) -> StudyResults:
    """Run what a study still lacks: training runs, then their probes.

    Run it again to resume, or after a change of the study: only what is new is done. Trainings
    and probes run in separate processes, which do not import the calling script again.

    Args:
        study: A `Study`, or the path of a study file.
        folder: Where the results are stored; by default runs/NAME, as in ``nascope study run``.
        data_dir: The data folder; by default the one that NASCOPE_DATA names.
        device: "cpu", "cuda", "mps"; "auto" takes CUDA if available.
        workers: Number of processes, each with one thread; by default one per core on a CPU, one
            on another device.
        progress: Show a progress bar.

    Returns:
        The study's results. If trials failed, a warning says so; their frame has the errors.

    Raises:
        NascopeError: The study file is invalid, or the data set, device or folder cannot be used.
    """
    if not isinstance(study, Study):
        study = Study.from_file(study)
    target = Path(folder) if folder is not None else Path("runs") / slug(study.name)
    with display(quiet=not progress) as shown:

        def report(snapshot: RunProgress) -> None:
            words = "; ".join(snapshot.running.values())
            shown.show(snapshot.share, snapshot.seconds_left, words[:80])

        summary = execute_study(
            study.definition,
            target,
            data_dir=str(data_dir) if data_dir is not None else None,
            device=device,
            workers=workers,
            on_progress=report,
        )
    if summary.failed:
        name, error = next(iter(summary.failed.items()))
        last = (error.strip().splitlines() or ["unknown error"])[-1]
        warnings.warn(
            f"{len(summary.failed)} of the study's tasks failed; the first is {name}: {last}",
            stacklevel=2,
        )
    return read_study(target)


def read_study(folder: str | Path) -> StudyResults:
    """Read everything that a study has left in its folder, also while it is still running.

    Args:
        folder: The study's folder, such as "runs/demo".

    Raises:
        StudyError: The folder has no study, or the study's plan is damaged.
    """
    records = read_records(folder)
    warn_of_damage(records)
    return StudyResults(records)
