"""The page's numbers for programs: one JSON object, with the trials that made each number.

docs/guides/studies.md describes it. A number that is not finite is null, as commands print it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from nascope._src.records.paths import trial_folder_name
from nascope._src.records.read import StudyRecord, TrialRecord
from nascope._src.report.arrangement import Arrangement
from nascope._src.report.html.sources import Source, Sources
from nascope._src.report.thinning import Thinning
from nascope._src.results.findings.designs import DesignFinding
from nascope._src.results.findings.finding import Finding
from nascope._src.results.findings.mediation import MediationFinding
from nascope._src.results.reliability import Reliability
from nascope._src.results.stats.intervals import over_seeds
from nascope._src.results.table import MeasuredStudy
from nascope._src.results.text import designs
from nascope._src.results.text.entries import titled
from nascope._src.results.text.findings import as_row
from nascope._src.results.text.mediation import mediation_row
from nascope._src.results.text.reliability import reliability_row
from nascope._src.results.text.trials import status
from nascope._src.runtime.types import Plain
from nascope._version import __version__

FORMAT = 1
"""Changes whenever a program that read the old numbers would misread the new ones."""


def folder_of(trial: TrialRecord) -> str:
    """Return the name of a trial's folder, in the folder ``trials`` of its study."""
    return trial_folder_name(trial.label, trial.identity)


def study_numbers(
    study: StudyRecord,
    findings: Sequence[Finding],
    designed: Sequence[DesignFinding],
    mediated: Sequence[MediationFinding],
    *,
    reliabilities: Sequence[Reliability],
    sources: Sources,
) -> Plain:
    """Return what is said about a study, as rows; each names its trials by their address."""
    verdicts = [
        *({**as_row(f), **_source(sources.of_finding(study, f))} for f in findings),
        *({**designs.as_row(f), **_source(sources.of_design(study, f))} for f in designed),
    ]
    return {
        "verdicts": verdicts,
        "mediation": [
            {**mediation_row(finding), **_source(sources.of_mediation(study, finding))}
            for finding in mediated
        ],
        "reliability": [
            {**reliability_row(entry), **_source(sources.of_reliability(study, entry))}
            for entry in reliabilities
        ],
    }


def _source(source: Source | None) -> Plain:
    return {"trials": None if source is None else source.address.removeprefix("#trials:")}


def page_numbers(
    arrangement: Arrangement,
    measured: MeasuredStudy,
    sources: Sources,
    studies: Sequence[Plain],
    thinning: Thinning,
) -> Plain:
    """Return all numbers of a page.

    Args:
        studies: what is said about each study.
        thinning: what is left out.
    """
    known = {
        key: titled(measure, measured.levels)
        for key, measure in measured.measures.items()
        if any(not math.isnan(measured.value(key, trial)) for trial in arrangement.study.trials)
    }
    cells, trials = [], []
    for group in arrangement.groups:
        for key, members in group.trials.items():
            cell = arrangement.cell(key)
            head = {
                "label": cell.label,
                "family": cell.family,
                "variant": cell.variant,
                "setting": group.setting,
            }
            estimates = {name: over_seeds(measured.shown(name, members)) for name in known}
            cells.append(
                {
                    "address": f"{group.key}-{key}",
                    **head,
                    "seeds": len(members),
                    "values": {
                        name: [estimate.mean, estimate.low, estimate.high]
                        for name, estimate in estimates.items()
                    },
                }
            )
            for trial in members if thinning.rows else ():
                trials.append({**_trial(trial, sources), **head, **_values(trial, known, measured)})
    return _finite(
        {
            "format": FORMAT,
            "nascope": __version__,
            "name": arrangement.study.name,
            "measures": {
                key: {"title": measure.title, "unit": measure.unit, "better": measure.better}
                for key, measure in known.items()
            },
            "studies": list(studies),
            "cells": cells,
            "trials": trials,
        }
    )


def _trial(trial: TrialRecord, sources: Sources) -> Plain:
    return {
        "address": sources.paths[trial.key],
        "folder": folder_of(trial),
        "study": trial.study,
        "data": trial.data.get("name"),
        "learning_rate": trial.recipe.get("learning_rate"),
        "seed": trial.seed,
        "status": status(trial),
    }


def _values(trial: TrialRecord, known: Collection[str], measured: MeasuredStudy) -> Plain:
    return {"values": {key: measured.shown(key, [trial])[0] for key in known}}


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
    return value
