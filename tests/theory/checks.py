"""An invented result of `nascope theory check`."""

from __future__ import annotations

from nascope._src.theory.check_result import (
    BoundCheck,
    Descent,
    EquationCheck,
    KnownCase,
    PublishedCheck,
    TheoryCheck,
)


def bound(quantity, name, violations=0, blocks=1000):
    return BoundCheck(
        name,
        quantity,
        published=name == "as published",
        uses_constants=name in ("constant of the block", "joint constant"),
        objective="coupled quadratic",
        wiring="narrowest",
        cases=250,
        blocks=blocks,
        violations=violations,
        tightest=0.9,
    )


def descent(*, premise=True, holds=True):
    return Descent(
        cell="widest",
        objective="coupled quadratic",
        rate=0.1,
        steps=50,
        runs=4,
        lipschitz=5.0 if premise else 20.0,
        noise=2.0,
        gap=3.0,
        measured=1.0 if holds else 9.0,
        half_width=0.2,
    )


CHECK = TheoryCheck(
    cases_each=250,
    seed=0,
    tolerance=1e-9,
    equations=(EquationCheck("1", "coupled quadratic", 1e-15, 1e-16, claimed=True, right=True),),
    cases=(
        KnownCase(
            "Theorem 4.2 as published: a factor", "w = (2, 1), x = 1, f, block 2",
            "4.2", (2.0, 1.0), True, 2.0, 4.0, (2.0, 4.0), True,
        ),
        KnownCase(
            "Theorem 4.3 with σ⁽ᵏ⁾ taken at W", "w = (2, 1), x ∈ {1, 2}, block 2",
            "4.3", (2.0, 1.0), True, 18.0, 36.0, (18.0, 36.0), True,
        ),
        KnownCase(
            "λ as the largest eigenvalue, in any of the bounds", "W⁽¹⁾ = [[0, 1], [0, 0]]",
            None, (), False, 0.0, 1.0, (0.0, 1.0), True,
        ),
    ),
    published=(
        PublishedCheck("nonlinear network", 0.3, 1000, violated=0.0, narrow_smoother=None),
        PublishedCheck("coupled quadratic", 2.0, 1000, violated=0.825, narrow_smoother=0.03),
    ),
    bounds=(
        bound("curvature", "separable"),
        bound("curvature", "convex, counted"),
        bound("curvature", "constant of the block"),
        bound("curvature", "joint constant"),
        bound("variance", "squared sum"),
        bound("variance", "as published"),
    ),
    descents=(descent(), descent()),
    seconds=1.0,
)  # fmt: skip
