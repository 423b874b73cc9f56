"""Identities and derived seeds."""

from nascope._src.records.identity import compute_identity, derived_seed


def test_identities_depend_on_content_not_on_order():
    assert compute_identity("training", {"a": 1, "b": [1, 2]}) == compute_identity(
        "training", {"b": (1, 2), "a": 1}
    )
    assert compute_identity("training", {"a": 1}) != compute_identity("landscape", {"a": 1})
    assert compute_identity("training", {"a": 1}) != compute_identity("training", {"a": 2})
    assert len(compute_identity("training", {})) == 16


def test_derived_seeds_are_fixed_and_apart():
    assert derived_seed("epoch", 0, 1) == 8528276614531766190
    seeds = {derived_seed("epoch", seed, epoch) for seed in range(50) for epoch in range(50)}
    assert len(seeds) == 2500
    assert all(0 <= seed < 2**63 for seed in seeds)
