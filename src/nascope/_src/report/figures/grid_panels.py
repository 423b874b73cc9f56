"""The grids that figures show: of which cell, and why one is missing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nascope._src.records.read import ProbeRecord, StudyRecord, TrialRecord
from nascope._src.report.arrangement import Arrangement, Group, ShownCell
from nascope._src.report.figures.scales import LevelScale, shared_scale
from nascope._src.results.planes import mode_of
from nascope._src.results.quantities import GRIDS
from nascope._src.results.text.trials import why_not_drawn

PER_ROW = 5  # panels


@dataclass(frozen=True, kw_only=True)
class GridValues:
    """A grid of values, (A, B), and its axes, (A,) and (B,)."""

    alphas: np.ndarray
    betas: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, kw_only=True)
class GridPanel(GridValues):
    """The grid of a cell; ``note`` is written into it, or says why there is none."""

    cell: ShownCell
    note: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is no grid."""
        return self.values.size == 0


@dataclass(frozen=True)
class GridRow:
    """Panels side by side, and what they have in common."""

    panels: Sequence[GridPanel]
    heading: str


def in_mode(study: StudyRecord, batchnorm: str) -> StudyRecord:
    """Return the study with only those probes that treat BatchNorm in this way."""
    return dataclasses.replace(
        study,
        trials=tuple(
            dataclasses.replace(
                trial, probes=tuple(p for p in trial.probes if mode_of(p) == batchnorm)
            )
            for trial in study.trials
        ),
    )


def grid_panel(cell: ShownCell, probe: ProbeRecord, note: str = "") -> GridPanel:
    """Return the panel of a probe's grid."""
    return GridPanel(
        cell=cell,
        note=note,
        alphas=probe.arrays["alphas"],
        betas=probe.arrays["betas"],
        values=GRIDS[probe.kind].values(probe),
    )


def _panel(cell: ShownCell, trial: TrialRecord, kind: str, mode: str | None) -> GridPanel:
    """The panel of a trial, which says why if it has no grid or diverged."""
    grids = [probe for probe in trial.standard_probes(kind) if mode in (None, mode_of(probe))]
    if grids:
        return grid_panel(cell, grids[0], why_not_drawn(trial) if trial.diverged else "")
    none = np.empty(0)
    return GridPanel(cell=cell, alphas=none, betas=none, values=none, note=why_not_drawn(trial))


def grid_rows(
    arrangement: Arrangement,
    groups: Sequence[Group],
    seeds: Sequence[int],
    kind: str,
    mode: str | None,
) -> Iterator[GridRow]:
    """Yield the panels of some groups, seed by seed.

    Args:
        mode: of BatchNorm; None for each trial's first grid.
    """
    families, settings = ({getattr(g, name) for g in groups} for name in ("family", "setting"))
    for group in groups:
        for seed in seeds:
            panels = [
                _panel(arrangement.cell(key), trial, kind, mode)
                for key, trials in group.trials.items()
                for trial in trials
                if trial.seed == seed
            ]
            parts = [group.family] if len(families) > 1 else []
            parts += [group.setting] if len(settings) > 1 else []
            parts += [f"seed {seed}"] if len(seeds) > 1 else []
            for first in range(0, len(panels), PER_ROW):
                yield GridRow(panels[first : first + PER_ROW], ", ".join(parts))


def grid_arrays(panels: Sequence[GridPanel]) -> dict[str, np.ndarray]:
    """Return the grids of a figure: ``labels`` (n,), and ``alphas_k`` … ``values_k`` of panel k."""
    arrays = {"labels": np.array([panel.cell.label for panel in panels])}
    for k, panel in enumerate(panels):
        for name in ("alphas", "betas", "values"):
            arrays[f"{name}_{k}"] = getattr(panel, name)
    return arrays


def grids_of(arrangement: Arrangement, kind: str) -> list[np.ndarray]:
    """Return the values of every grid of a kind, (A, B) each."""
    probes = [probe for trial in arrangement.study.trials for probe in trial.standard_probes(kind)]
    return [GRIDS[kind].values(probe) for probe in probes]


def scale_of(arrangement: Arrangement, kind: str) -> LevelScale | None:
    """Return the scale that all grids of a kind share; None if there is no grid."""
    return shared_scale(grids_of(arrangement, kind))
