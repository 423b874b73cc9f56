"""Claim 9 (Section 5, Table 1): do cells adapted to the widest, shallowest wiring end better?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nascope._src.records.read import StudyRecord
from nascope._src.results.findings.endings import has_converged
from nascope._src.results.findings.exceptions import check_adapted
from nascope._src.results.findings.finding import (
    CONTRADICTED,
    NOT_TESTABLE,
    SUPPORTED,
    UNDECIDED,
    Decision,
    FamilyFinding,
    Finding,
    Reason,
)
from nascope._src.results.findings.pairs import (
    TABLE_1_DATA,
    AdaptedDifference,
    make_pairs,
    mean_difference,
    pair_families,
)
from nascope._src.results.paper.claims import CLAIMS


def judge_adapted(study: StudyRecord) -> Finding:
    """Judge claim 9: adapted cells and their originals, on both data sets."""
    excepted = CLAIMS[9].excepted
    paired = {name: pair_families(study, name) for name in TABLE_1_DATA}
    everything = tuple(pair for families in paired.values() for pair in make_pairs(families))
    judged = {
        name: [f for f in families if name != "cifar10" or f.name not in excepted]
        for name, families in paired.items()
    }
    by_data = {name: make_pairs(families) for name, families in judged.items()}
    base = Finding(
        9,
        measure="test accuracy, adapted − original",
        unit="percentage points",
        pairs=everything,
    )
    check = check_adapted(everything)
    if check is not None:
        family = FamilyFinding(check.exception.family, None, False, check)
        base = replace(base, families=(family,))
    if not any(by_data.values()):
        return replace(base, reason="no adapted cell")
    differences = {name: mean_difference(own) for name, own in by_data.items() if own}
    first = next(iter(differences.values()))
    networks = {
        f"{member.label} on {name}": member
        for name, families in judged.items()
        for family in families
        for member in (family.original, family.adapted)
        if member is not None
    }
    late = tuple(name for name, member in networks.items() if not has_converged(member))
    base = replace(
        base,
        effect=100 * first.mean,
        low=None if first.low is None else 100 * first.low,
        high=None if first.high is None else 100 * first.high,
        detectable=None if first.detectable is None else 100 * first.detectable,
        differences=differences,
        late=(late, len(networks)),
    )
    if late:
        return replace(base, reason="not converged")
    outcome, reason = _adapted_outcome(differences)
    return replace(base, outcome=outcome, reason=reason)


def _adapted_outcome(differences: Mapping[str, AdaptedDifference]) -> tuple[Decision, Reason]:
    if set(differences) != set(TABLE_1_DATA):
        return NOT_TESTABLE, "one data set"
    (low10, high10), (low100, high100) = (
        (differences[name].low, differences[name].high) for name in TABLE_1_DATA
    )
    if low10 is None or high10 is None or low100 is None or high100 is None:
        return NOT_TESTABLE, "too few"
    if high10 < 0 and low100 > 0:
        return SUPPORTED, ""
    if low10 > 0 or high100 < 0:
        return CONTRADICTED, ""
    return UNDECIDED, ""
