"""What is said of the theorems, on invented results: right where they hold, loud where not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nascope._src.errors import StudyError
from nascope._src.reproduce.compare import Comparison
from nascope._src.reproduce.plan import Options, plan_reproduction
from nascope._src.reproduce.scales import REPRODUCTION_SCALES
from nascope._src.reproduce.theory import (
    TheoryPaths,
    measure_extremes,
    read_results,
)
from nascope._src.results.findings.theorems import proved_holds
from nascope._src.results.paper.targets import TARGETS
from nascope._src.results.text.theorems import HEADING, cells_agreement, check_agreement
from nascope._src.theory.comparison_result import (
    Extremes,
    ExtremesOutcome,
    Quantiles,
    Sweep,
    SweepOutcome,
    SweepSetting,
)
from tests.theory.checks import CHECK, descent


def blocks(*medians):
    return tuple(Quantiles(0.5 * value, value, 2 * value) for value in medians)


def outcome(scale, narrow, wide=(4.0, 4.0), *, broken=(0.5, 0.0), bound=(100.0, 100.0)):
    return ExtremesOutcome(
        scale=scale,
        broken=broken,
        wide=blocks(*wide), narrow=blocks(*narrow), bound=blocks(*bound), published=blocks(*wide),
        wide_variance=blocks(*wide), narrow_variance=blocks(*narrow), variance_bound=blocks(*bound),
    )  # fmt: skip


def figure_8(*outcomes):
    return Extremes(cells=10, seed=0, outcomes=outcomes)


FIGURE_8 = figure_8(outcome(0.5, (5, 1)), outcome(2.0, (9, 8), broken=(1.0, 1.0)))


def test_figure_8_says_of_each_theorem_whether_it_agrees():
    assert list(cells_agreement(FIGURE_8)) == [
        HEADING,
        "Theorem 4.2 as published: contradicted, broken in 25 % of the random cells' blocks at "
        "λ = 0.5, 100 % at 2",
        "Theorem 4.2 corrected: agrees, in 4 of 4 blocks every measured quantile is "
        "below the bound's (`theory` counts cell by cell)",
        "Theorem 4.3 tightened: agrees, in 4 of 4 blocks every measured quantile is "
        "below the bound's (`theory` counts cell by cell)",
        "the narrowest cell's constants are larger: holds at λ = 2 (2 of 2 blocks); reversed "
        "at λ = 0.5 (1 of 2 blocks), where no matrix amplifies",
        "the narrowest cell's gradient variances are larger: holds at λ = 2 (2 of 2 blocks); "
        "reversed at λ = 0.5 (1 of 2 blocks), where no matrix amplifies",
    ]


def test_a_broken_bound_is_loud_and_an_unbroken_one_no_contradiction():
    planted = figure_8(outcome(0.5, (5, 1)), outcome(2.0, (9, 101)))
    said = list(cells_agreement(planted))
    assert said[2] == "Theorem 4.2 corrected: CONTRADICTED, broken in block 2 at λ = 2"
    assert said[3] == "Theorem 4.3 tightened: CONTRADICTED, broken in block 2 at λ = 2"
    assert not proved_holds(planted, None)
    high = (Quantiles(4.5, 9.0, 18.0), Quantiles(1.0, 1.0, 201.0))  # its bound's: 50, 100 and 200
    planted = figure_8(outcome(0.5, (5, 1)), replace(outcome(2.0, (9, 1)), narrow=high))
    assert list(cells_agreement(planted))[2].endswith("CONTRADICTED, broken in block 2 at λ = 2")
    kept = figure_8(outcome(0.5, (5, 1), broken=(0.0, 0.0)))
    assert "not contradicted by these cells" in list(cells_agreement(kept))[1]
    assert proved_holds(kept, None)
    assert proved_holds(None, CHECK)
    broken = replace(CHECK, bounds=(replace(CHECK.bounds[0], violations=1),))
    assert not proved_holds(None, broken)
    above = figure_8(outcome(2.0, (1, 1)))  # where matrices amplify, nothing excuses a reversal
    assert list(cells_agreement(above))[4].endswith("reversed at λ = 2 (0 of 2 blocks)")
    both = figure_8(outcome(2.0, (5, 5, 1), (4, 4, 4), bound=(9, 9, 9), broken=(0, 0, 0)))
    assert "in part at λ = 2 (2 of 3 blocks)" in list(cells_agreement(both))[4]


def test_figure_8s_own_cells_are_judged_at_every_scale(tmp_path):
    path = tmp_path / "extremes.json"
    measure_extremes(path, {"cells": 20, "seed": 0}, lambda *_: None)
    theory = read_results(TARGETS["fig8"], TheoryPaths(tmp_path))
    for scale in REPRODUCTION_SCALES.values():
        (question,) = plan_reproduction([TARGETS["fig8"]], Options(scale), None).figures
        said = Comparison(lambda: None).agreement(question, theory)
        assert said[0] == HEADING
        assert said[1].startswith("Theorem 4.2 as published: contradicted")
        assert said[2].startswith("Theorem 4.2 corrected: agrees, in 12 of 12")
        assert said[4].endswith("1 (1 of 4 blocks), where no matrix amplifies")


def swept(ratios):
    def ratio(depth, value):
        return Quantiles(0.0, value if depth == 3 else 1.0, 9.0)

    outcomes = [
        SweepOutcome(
            SweepSetting("coupled quadratic", "gaussian", 3, depth, 2, scale),
            gain=scale, curvature=(), variance=(), smoother=(), quieter=(), bounds=(),
            largest_curvature=ratio(depth, value), total_variance=ratio(depth, value),
        )
        for scale, value in ratios.items() for depth in (1, 2, 3)
    ]  # fmt: skip
    return Sweep(cells=1, seed=0, outcomes=tuple(outcomes))


SWEEP = swept({0.25: 0.5, 0.5: 0.9, 1.0: 1.5, 2.0: 7.0, 4.0: 0.1})


def test_the_theorems_are_each_held_against_the_check():
    check = replace(CHECK, descents=(descent(), descent(), descent(premise=False, holds=False)))
    assert list(check_agreement(check, SWEEP)) == [
        HEADING,
        "Theorem 4.1: agrees, the gradient of SGD stays below its bound in 2 of 2 settings with "
        "γ < 1/L, which the theorem requires",
        "Theorem 4.2 as published: contradicted by hand, 4 > 2 at w = (2, 1); broken for certain "
        "in 0 % to 82.5 % of the blocks, by objective and λ",
        "Theorem 4.2 corrected: agrees, 0 of 2,000 comparisons with a block break it",
        "Theorem 4.3 as published, σ taken at the effective weights: agrees, 0 of 1,000 "
        "comparisons with a block break it",
        "Theorem 4.3 as published, σ taken at W: contradicted by hand, 36 > 18 at w = (2, 1)",
        "Theorem 4.3 tightened: agrees, 0 of 1,000 comparisons with a block break it",
        "the widest cell has the smaller constant (the largest block's): agrees in 1 of 2 settings "
        "with λ > 1, 1 of 1 settings with λ = 1, 0 of 2 settings with λ < 1: it reverses where no "
        "matrix amplifies",
        "the widest cell has the smaller gradient variance: agrees in 1 of 2 settings with λ > 1, "
        "1 of 1 settings with λ = 1, 0 of 2 settings with λ < 1: it reverses where no matrix "
        "amplifies",
    ]


@pytest.mark.parametrize(
    ("place", "line", "start"),
    [
        (0, 3, "Theorem 4.2 corrected: CONTRADICTED, 3 of 2,000"),
        (5, 4, "Theorem 4.3 as published, σ taken at the effective weights: CONTRADICTED, 3 of"),
        (4, 6, "Theorem 4.3 tightened: CONTRADICTED, 3 of 1,000"),
    ],
)
def test_a_violation_contradicts_its_own_theorem_alone(place, line, start):
    bounds = list(CHECK.bounds)
    bounds[place] = replace(bounds[place], violations=3)
    planted = replace(CHECK, bounds=tuple(bounds))
    said = list(check_agreement(planted, SWEEP))
    assert said[line].startswith(start)
    assert sum("CONTRADICTED" in one for one in said) == 1


def test_what_does_not_come_out_is_not_claimed():
    planted = replace(
        CHECK,
        descents=(descent(), descent(holds=False)),
        cases=tuple(replace(case, measured=case.bound) for case in CHECK.cases),
        published=CHECK.published[:1],
    )
    said = list(check_agreement(planted, swept({0.5: 1.5, 2.0: 2.0})))
    assert said[1].startswith("Theorem 4.1: CONTRADICTED")
    assert "in 1 of 2 settings" in said[1]
    assert said[2] == "Theorem 4.2 as published: not contradicted by these cells"
    assert not any("taken at W" in one for one in said)
    assert said[-1].endswith("1 of 1 settings with λ > 1, 1 of 1 settings with λ < 1")


def test_a_damaged_result_is_named(tmp_path):
    assert read_results(TARGETS["fig8"], TheoryPaths(tmp_path)) is None
    (tmp_path / "extremes.json").write_text('{"cells": 1}')
    with pytest.raises(StudyError, match=r"extremes\.json is damaged or of another version"):
        read_results(TARGETS["fig8"], TheoryPaths(tmp_path))
