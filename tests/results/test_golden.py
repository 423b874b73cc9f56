"""What the committed studies say does not change by accident.

golden.json holds every decision and number that the verdicts draw from the tables under
docs/results. A change of a number on purpose changes that file in a commit of its own:
``python -m tests.results.test_golden`` writes it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from nascope._src.results.findings.judge import judge_study
from tests.results.committed import STUDIES, committed_study

GOLDEN = Path(__file__).with_name("golden.json")


def decisions(study: str) -> list[dict[str, Any]]:
    """Every decision and number of a committed study's verdicts; no sentences."""
    return [
        {
            "claim": finding.claim,
            "data": finding.data,
            "batchnorm": finding.batchnorm,
            "outcome": finding.outcome,
            "unit": finding.unit,
            "ratio": finding.ratio,
            "effect": finding.effect,
            "low": finding.low,
            "high": finding.high,
            "p": finding.p,
            "detectable": finding.detectable,
            "share": finding.share,
            "normal_only": finding.normal_only,
            "families": [
                {
                    "family": family.family,
                    "tested": family.tested,
                    "original": family.standing and family.standing.original,
                    "mean": family.standing and family.standing.mean,
                    "rank": family.standing and family.standing.rank,
                    "of": family.standing and family.standing.members,
                    "share": family.standing and family.standing.share,
                    "exception_agrees": family.exception and family.exception.agrees,
                }
                for family in finding.families
            ],
            "associations": {
                name: {
                    "rho": correlation.rho,
                    "p": correlation.p,
                    "low": correlation.low,
                    "high": correlation.high,
                    "detectable": correlation.detectable,
                    "wirings": correlation.wirings,
                    "families": correlation.families,
                    "exact": correlation.exact,
                    "p_adjusted": correlation.p_adjusted,
                    "examined": correlation.examined,
                }
                for name, correlation in finding.correlations.items()
            },
        }
        for finding in judge_study(committed_study(study))
    ]


def same(current: Any, golden: Any) -> bool:
    """Whether two structures are equal, numbers to nine digits."""
    if isinstance(golden, dict):
        return current.keys() == golden.keys() and all(same(current[k], golden[k]) for k in golden)
    if isinstance(golden, list):
        return len(current) == len(golden) and all(map(same, current, golden))
    if isinstance(golden, float) and isinstance(current, float | int):
        both_nan = math.isnan(current) and math.isnan(golden)
        return both_nan or math.isclose(current, golden, rel_tol=1e-9, abs_tol=1e-12)
    return type(current) is type(golden) and current == golden


@pytest.mark.parametrize("study", STUDIES)
def test_verdicts_of_the_committed_studies(study):
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[study]
    for now, before in zip(decisions(study), golden, strict=True):
        differing = {
            name: (now[name], before[name]) for name in before if not same(now[name], before[name])
        }
        assert not differing, f"claim {before['claim']} on {before['data']}, {before['batchnorm']}"


def test_the_comparison_sees_a_changed_digit():
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))["claims"]
    changed = json.loads(GOLDEN.read_text(encoding="utf-8"))["claims"]
    changed[1]["p"] *= 1 + 1e-6
    assert same(golden, golden)
    assert not same(changed, golden)


if __name__ == "__main__":
    text = json.dumps({study: decisions(study) for study in STUDIES}, indent=1)
    GOLDEN.write_text(text + "\n", encoding="utf-8")
