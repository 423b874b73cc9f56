"""The five statements, and the rule that decides each (docs/guides/tables.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nascope._src.results.evidence.numbers import Statement, Verdict
from nascope._src.results.stats.rank_bootstrap import Estimate

NEGLIGIBLE = 0.1
"""|ρ| below which an effect counts as none."""
GOOD_GUIDE = 0.5
"""ρ from which early accuracy counts as a good guide to the final one."""


def _above(limit: float) -> Callable[[float, float], Verdict]:
    def decide(low: float, high: float) -> Verdict:
        return "supported" if low > limit else "contradicted" if high < limit else "undecided"

    return decide


def _matters(low: float, high: float) -> Verdict:
    if low > -NEGLIGIBLE and high < NEGLIGIBLE:
        return "contradicted"
    return "supported" if low > 0 or high < 0 else "undecided"


@dataclass(frozen=True)
class Rule:
    """A statement and how the interval of its number decides it."""

    statement: str
    decide: Callable[[float, float], Verdict]


FASTER = Rule("wide cells learn faster", _above(0))
BETTER = Rule("wide cells end better", _above(0))
DEPTH = Rule("depth matters beyond width", _matters)
SELECTS = Rule("early accuracy selects well", _above(GOOD_GUIDE))
PREFERS = Rule("early accuracy prefers width more than the final accuracy does", _above(0))


def judge(rule: Rule, estimate: Estimate, reason: str = "") -> Statement:
    """Decide a statement by the interval of its number; undecided without an interval.

    >>> judge(FASTER, Estimate(0.3, 0.1, 0.5)).verdict, judge(DEPTH, Estimate(0.3)).verdict
    ('supported', 'undecided')
    """
    if estimate.low is None or estimate.high is None:
        return Statement(rule.statement, "undecided", estimate, reason or "no interval")
    return Statement(rule.statement, rule.decide(estimate.low, estimate.high), estimate)
