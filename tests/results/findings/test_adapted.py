"""Claim 9: do adapted cells end worse on CIFAR-10 and better on CIFAR-100?"""

from __future__ import annotations

import dataclasses

import pytest

from nascope._src.records.read import StudyRecord
from nascope._src.results.findings.adapted import judge_adapted
from tests.results import planted


def study(cifar10: float | None, cifar100: float | None, **more) -> StudyRecord:
    """Adapted cells that are so much better than their originals; None: no such data set."""
    settings = {"train_accuracy": 0.99, "seeds": 3, **more}
    return planted.joined(
        *(
            planted.study(1, data=data, adapted=by, **settings)
            for data, by in (("cifar10", cifar10), ("cifar100", cifar100))
            if by is not None
        )
    )


@pytest.mark.parametrize(
    ("cifar10", "cifar100", "outcome"),
    [
        (-0.02, 0.02, "supported"),
        (0.02, 0.02, "contradicted"),
        (-0.02, -0.02, "contradicted"),
        (0.02, -0.02, "contradicted"),
        (0.0, 0.0, "undecided"),
        (-0.02, 0.0, "undecided"),
    ],
)
def test_adapted_cells(cifar10: float, cifar100: float, outcome: str) -> None:
    finding = judge_adapted(study(cifar10, cifar100))
    assert (finding.outcome, finding.reason) == (outcome, "")
    assert {pair.data for pair in finding.pairs} == {"cifar10", "cifar100"}
    assert finding.low < finding.effect < finding.high
    assert finding.detectable > 0
    difference = finding.differences["cifar10"]
    assert finding.effect == pytest.approx(100 * difference.mean)
    assert finding.effect == pytest.approx(100 * cifar10, abs=0.2)


def test_adapted_cells_of_one_seed_decide_nothing() -> None:
    """Test images tell two networks apart, not two cells."""
    for seeds, outcome in ((1, "not testable at this scale"), (3, "supported")):
        finding = judge_adapted(study(-0.1, 0.1, seeds=seeds, families=("DARTS",)))
        assert finding.outcome == outcome
        assert (finding.low is None) == (seeds == 1)
        assert finding.reason == ("too few" if seeds == 1 else "")


def test_without_an_adapted_cell_there_is_nothing_to_judge() -> None:
    finding = judge_adapted(planted.study(0))
    assert (finding.outcome, finding.reason) == ("not testable at this scale", "no adapted cell")
    assert finding.differences == {}
    assert finding.pairs == ()


@pytest.mark.parametrize(("cifar10", "cifar100"), [(-0.02, None), (None, 0.02)])
def test_one_data_set_is_not_enough(cifar10: float | None, cifar100: float | None) -> None:
    finding = judge_adapted(study(cifar10, cifar100))
    assert (finding.outcome, finding.reason) == ("not testable at this scale", "one data set")
    assert len(finding.differences) == 1


def test_networks_that_have_not_converged_are_named_with_their_data_set() -> None:
    finding = judge_adapted(study(-0.02, 0.02, families=("DARTS",), train_accuracy=0.89))
    assert (finding.outcome, finding.reason) == ("not testable at this scale", "not converged")
    names = ("DARTS on cifar10", "DARTS-widest on cifar10",
             "DARTS on cifar100", "DARTS-widest on cifar100")  # fmt: skip
    assert finding.late == (names, 4)


def test_the_family_that_the_paper_excepts_on_cifar10_is_tested_on_cifar100_only() -> None:
    both = study(-0.02, 0.02, families=("SNAS", "DARTS"))
    finding = judge_adapted(both)
    assert {data: d.families for data, d in finding.differences.items()} == {
        "cifar10": 1,
        "cifar100": 2,
    }
    (family,) = finding.families
    assert (family.family, family.tested, family.exception.agrees) == ("SNAS", False, False)
    alone = dataclasses.replace(both, trials=tuple(t for t in both.trials if t.family == "SNAS"))
    assert judge_adapted(alone).reason == "one data set"
