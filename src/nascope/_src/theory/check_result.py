"""What `nascope theory check` finds: typed in Python, plain data in check.json. Loads no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

from nascope._src.runtime.types import Plain

Theorem = Literal["4.1", "4.2", "4.3"]
Quantity = Literal["curvature", "variance"]
"""What a bound limits: a block's smoothness (Theorem 4.2) or gradient variance (Theorem 4.3)."""

_EQUAL = 1e-12  # relative; the known cases' numbers are small integers


@dataclass(frozen=True)
class EquationCheck:
    """One of Equations 1 to 4 compared with autograd, for one objective.

    Attributes:
        equation: "1", "2" or "4"; "4 at W" takes the widest cell's gradient at W, as the published
            proof does.
        largest_error, median_error: relative errors over the blocks.
        claimed: whether the equation should hold.
        right: whether it holds up to rounding.
    """

    equation: str
    objective: str
    largest_error: float
    median_error: float
    claimed: bool
    right: bool


@dataclass(frozen=True)
class KnownCase:
    """A case that can be checked by hand, computed.

    Attributes:
        name: what the case shows.
        setting: weights, inputs and objective.
        theorem: the theorem it belongs to; None if it concerns several.
        weights: the scalar weights of the cell's edges; () if they are matrices.
        published: whether ``bound`` is the published one, not the corrected one.
        bound: the value that the bound allows.
        measured: the value of what it limits.
        expected: both values, worked out by hand.
        violates: whether the case should exceed its bound; if not, it should attain it.
    """

    name: str
    setting: str
    theorem: Theorem | None
    weights: tuple[float, ...]
    published: bool
    bound: float
    measured: float
    expected: tuple[float, float]
    violates: bool

    @property
    def shown(self) -> bool:
        """Whether both values are as expected, and the case does what it should."""
        right = all(
            abs(computed - expected) <= _EQUAL * max(1.0, abs(expected))
            for computed, expected in zip((self.bound, self.measured), self.expected, strict=True)
        )
        if self.violates:
            return right and self.measured > self.bound * (1 + _EQUAL) + _EQUAL
        return right and abs(self.measured - self.bound) <= _EQUAL * max(1.0, self.bound)


@dataclass(frozen=True)
class BoundCheck:
    """A bound compared with random cells of one objective and one wiring.

    Attributes:
        bound: its name.
        quantity: what it limits.
        published: whether the bound is in the paper as it stands.
        uses_constants: whether measured values are compared with certified Lipschitz constants;
            if not, they are compared with a theorem's bound.
        objective, wiring: names.
        cases: number of cells.
        blocks: number of blocks, one per matrix of a cell.
        violations: number of blocks that exceed the bound.
        tightest: largest ratio of a measured value to its bound.
    """

    bound: str
    quantity: Quantity
    published: bool
    uses_constants: bool
    objective: str
    wiring: str
    cases: int
    blocks: int
    violations: int
    tightest: float


@dataclass(frozen=True)
class PublishedCheck:
    """Theorem 4.2 as published, on narrowest cells whose matrices all have one spectral norm.

    Attributes:
        scale: λ, the spectral norm.
        blocks: number of blocks.
        violated: share of blocks that certainly exceed the bound. A lower bound of the block's
            constant is compared with the published factor times an upper bound of the widest
            cell's constant.
        narrow_smoother: share of blocks whose constant is smaller in the narrowest cell than in
            the widest; None if the constants are not exact.
    """

    objective: str
    scale: float
    blocks: int
    violated: float
    narrow_smoother: float | None


@dataclass(frozen=True)
class Descent:
    """Plain SGD on one cell and one objective: independent runs from the same start.

    Attributes:
        rate: γ, the learning rate.
        lipschitz: L, the largest norm of the Hessian at an iterate or halfway between two. It is
            measured, so it is a lower bound of the constant along the path of SGD.
        noise: σ², the largest gradient variance at an iterate.
        gap: f(w₀) − f*. A lower bound replaces f*: the widest cell's minimum, or 0.
        measured: E‖∇f(w_R)‖², the mean over steps and runs.
        half_width: half the width of its 95 % interval over runs (Student's t).
    """

    cell: str
    objective: str
    rate: float
    steps: int
    runs: int
    lipschitz: float
    noise: float
    gap: float
    measured: float
    half_width: float

    @property
    def premise(self) -> bool:
        """Whether γ < 1/L."""
        return self.rate * self.lipschitz < 1

    @property
    def bound(self) -> float:
        """The bound of Theorem 4.1 on E‖∇f(w_R)‖²."""
        return 2 * self.gap / (self.rate * self.steps) + self.lipschitz * self.noise * self.rate

    @property
    def holds(self) -> bool:
        """Whether the lower end of the measured mean's interval is at most the bound."""
        return self.measured - self.half_width <= self.bound


@dataclass(frozen=True)
class TheoryCheck:
    """Everything that `nascope theory check` computes.

    Attributes:
        cases_each: number of random cells per objective and wiring, as asked for.
        tolerance: relative excess above which a bound counts as violated.
        seconds: how long the check took.
    """

    cases_each: int
    seed: int
    tolerance: float
    equations: tuple[EquationCheck, ...]
    cases: tuple[KnownCase, ...]
    published: tuple[PublishedCheck, ...]
    bounds: tuple[BoundCheck, ...]
    descents: tuple[Descent, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether every claim that is proved came out as claimed."""
        return (
            all(equation.right for equation in self.equations if equation.claimed)
            and all(case.shown for case in self.cases)
            and all(bound.violations == 0 for bound in self.bounds)
            and all(descent.premise and descent.holds for descent in self.descents)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain data, as check.json holds it; derived values are included."""
        plain = asdict(self)
        for row, case in zip(plain["cases"], self.cases, strict=True):
            row["shown"] = case.shown
        for row in plain["bounds"]:
            row["of"] = row.pop("quantity")
        for row, descent in zip(plain["descents"], self.descents, strict=True):
            row.update(bound=descent.bound, premise=descent.premise, holds=descent.holds)
        return plain | {"holds": self.holds}


def read_check(plain: Plain) -> TheoryCheck:
    """Return the check that a check.json holds.

    Files of earlier versions name theorems and constants in labels only; this is the one place
    that reads labels.

    Raises:
        KeyError, TypeError: a field is missing, or is not what it should be.
    """
    return TheoryCheck(
        cases_each=plain["cases_each"],
        seed=plain["seed"],
        tolerance=plain["tolerance"],
        equations=_rows(EquationCheck, plain["equations"]),
        cases=_rows(KnownCase, map(_complete_case, plain["cases"])),
        published=_rows(PublishedCheck, plain["published"]),
        bounds=_rows(BoundCheck, map(_complete_bound, plain["bounds"])),
        descents=_rows(Descent, plain["descents"]),
        seconds=plain["seconds"],
    )


Record = TypeVar("Record")


def _rows(kind: type[Record], rows: Iterable[Plain]) -> tuple[Record, ...]:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    return tuple(kind(**{name: row[name] for name in names}) for row in rows)


def _complete_case(row: Plain) -> Plain:
    name = row["name"]
    theorem = next((number for number in ("4.2", "4.3") if f"Theorem {number}" in name), None)
    scalars = re.match(r"w = \((.*?)\)", row["setting"])
    labels: dict[str, Any] = {
        "theorem": theorem,
        "weights": [float(weight) for weight in scalars[1].split(",")] if scalars else [],
        "published": theorem is not None and row["violates"],
    }
    complete = labels | dict(row)
    return complete | {key: tuple(complete[key]) for key in ("weights", "expected")}


def _complete_bound(row: Plain) -> Plain:
    labels = {
        "quantity": row["of"],
        "published": row["bound"] == "as published",
        "uses_constants": "constant" in row["bound"],
    }
    return labels | dict(row)
