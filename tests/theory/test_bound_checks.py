"""The bounds on random cells: none is violated, and a wrong one would be."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nascope._src.errors import TheoryError
from nascope._src.theory import bound_checks
from nascope._src.theory.bound_checks import WIRINGS, check_bounds, check_published
from nascope._src.theory.bounds import (
    SOUND,
    coupled_bound,
    joint_bound,
    published_bound,
    separable_bound,
)
from nascope._src.theory.linear import LinearCell
from nascope._src.theory.objectives import OBJECTIVES, Quadratic, SoftmaxCrossEntropy, TanhNetwork


def violated(rows):
    return {row.bound for row in rows if row.violations}


def test_no_sound_bound_is_violated():
    rows = check_bounds(2_000, workers=2)
    assert violated(rows) == set()
    assert {(row.objective, row.wiring) for row in rows} == {
        (objective, wiring) for objective in OBJECTIVES for wiring in WIRINGS
    }
    assert all(row.cases == 2_000 and row.blocks >= 2_000 for row in rows)
    tightest = {}
    for row in rows:
        tightest[row.bound] = max(tightest.get(row.bound, 0), row.tightest)
    for bound in SOUND:
        assert tightest[bound.name] > 1 - 1e-6, f"{bound.name} is attained by no case"
    for kind, applicable in (("separable quadratic", 8), ("nonlinear network", 5)):
        assert len({row.bound for row in rows if row.objective == kind}) == applicable + 3


def test_neither_workers_nor_a_second_run_change_a_number():
    assert check_bounds(1) == check_bounds(1, workers=2) == check_bounds(1)
    assert check_bounds(1, seed=1) != check_bounds(1)


def edited(name, paths=lambda measured: measured, **changes):
    """The measured blocks as a wrong derivation would see them."""

    class Seen:
        def __init__(self, blocks):
            self._blocks = blocks

        def __getattr__(self, field):
            value = getattr(self._blocks, field)
            return changes[field](value) if field in changes else value

        @property
        def paths(self):
            return paths(self._blocks.paths)

    original = next(bound for bound in SOUND if bound.name == name)
    return lambda blocks: original.evaluate(Seen(blocks))


def own_output_only(paths):
    """The terms of later nodes dropped, as in the published proof."""
    first = (paths > 0).double().cumsum(-1) == 1
    return paths * first


def without_the_first(paths):
    """n − i terms in place of n − i + 1."""
    return paths - own_output_only(paths)


WRONG = [
    *((bound.name, lambda blocks, own=bound: 0.99 * own.evaluate(blocks)) for bound in SOUND),
    *((bound.name, edited(bound.name, own_output_only)) for bound in SOUND),
    *((bound.name, edited(bound.name, without_the_first)) for bound in SOUND),
    *((bound.name, edited(bound.name, torch.sqrt)) for bound in SOUND),  # P in place of P²
    ("convex", lambda blocks: separable_bound(blocks.paths, blocks.wide_curvatures)),
    (
        "convex, counted",
        lambda b: ((b.paths > 0).sum(-1) - 1) * separable_bound(b.paths, b.wide_curvatures),
    ),
    ("convex", edited("convex", wide_curvatures=lambda own: own.clamp(max=1.0))),
    ("joint", lambda blocks: joint_bound(blocks.paths.amax(-1, True), blocks.joint_curvatures)),
    ("joint", lambda blocks: joint_bound(blocks.paths, blocks.wide_curvatures.amax(-1, True))),
    (
        "coupled",
        lambda blocks: coupled_bound(blocks.paths, torch.diag_embed(blocks.wide_curvatures)),
    ),
    ("squared sum", lambda blocks: separable_bound(blocks.paths, blocks.wide_variances)),
    (
        "counted",
        lambda b: ((b.paths > 0).sum(-1) - 1) * separable_bound(b.paths, b.wide_variances),
    ),
    (
        "as published",
        lambda blocks: (
            (blocks.paths.shape[-1] - 1) * separable_bound(blocks.paths, blocks.wide_variances)
        ),
    ),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_planted_error_is_caught(number, monkeypatch):
    name, evaluate = WRONG[number]
    bound = replace(next(own for own in SOUND if own.name == name), evaluate=evaluate)
    monkeypatch.setattr(bound_checks, "SOUND", (bound,))
    assert name in violated(check_bounds(250, workers=2))


def test_eigenvalues_in_place_of_norms_are_caught(monkeypatch):
    def by_eigenvalues(matrices):
        return torch.linalg.eigvals(matrices).abs().amax(-1)

    monkeypatch.setattr("nascope._src.theory.blocks.spectral_norm", by_eigenvalues)
    assert {"separable", "convex", "joint", "squared sum"} <= violated(check_bounds(250, workers=2))


def test_spread_at_the_weights_is_caught(monkeypatch):
    """Theorem 4.3 with σ at W in place of at the effective weights."""
    narrowest = {"narrowest": WIRINGS["narrowest"]}
    monkeypatch.setattr(bound_checks, "WIRINGS", narrowest)
    bound = next(own for own in SOUND if own.name == "as published")

    def at_the_weights(blocks):
        wide = LinearCell.widest(len(blocks.cell.edges))
        there = replace(blocks, cell=wide).wide_variances
        return blocks.paths.shape[-1] * separable_bound(blocks.paths, there)

    monkeypatch.setattr(bound_checks, "SOUND", (replace(bound, evaluate=at_the_weights),))
    assert "as published" in violated(check_bounds(250, workers=2))


@pytest.mark.parametrize("kind", [Quadratic, SoftmaxCrossEntropy, TanhNetwork])
def test_a_constant_too_small_is_caught(kind, monkeypatch):
    true = kind.curvature
    share = 0.3 if kind is TanhNetwork else 0.9  # the network's is not tight
    monkeypatch.setattr(kind, "curvature", lambda self, own: share * true(self, own))
    found = violated(check_bounds(1000, workers=2))
    assert {"constant of the block", "constant of the widest", "joint constant"} <= found


def test_theorem_4_2_as_published_fails():
    rows = check_published()
    assert len(rows) == 15
    for row in rows:
        assert row.scale != 2.0 or row.violated > 0, row
        assert (row.narrow_smoother is None) == ("quadratic" not in row.objective)
    for objective in {row.objective for row in rows if row.narrow_smoother is not None}:
        own = [row for row in rows if row.objective == objective]
        assert [row.scale for row in own] == [0.3, 1.0, 2.0]
        shares = [row.violated for row in own]
        assert 0.1 < shares[0] < shares[1] < shares[2]
        smoother = [row.narrow_smoother for row in own]
        assert smoother[0] > 0.7
        assert smoother[2] < 0.1


def test_the_published_bound_is_the_papers():
    norms = torch.tensor([2.0, 3.0, 5.0])
    assert published_bound(norms, torch.tensor([1.0, 1.0, 7.0])).tolist() == [1.0, 2.0, 42.0]


@pytest.mark.parametrize("bad", [{"cases": 0}, {"workers": 0}])
def test_numbers_below_one_are_refused(bad):
    with pytest.raises(TheoryError, match="at least 1"):
        check_bounds(**({"cases": 1} | bad))
