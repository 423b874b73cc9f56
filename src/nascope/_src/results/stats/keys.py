"""Wirings that families share, as numbers, and the null distribution that sharing implies."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
Families = Mapping[str, tuple[float, Sequence[float]]]
"""By family, the original's number and its variants'."""

SHARED_DRAWS = 100_000
"""Number of draws from the null distribution if families share wirings."""


@dataclass(frozen=True)
class WiringKeys:
    """The wirings of families as numbers, so that designs of one form compare equal.

    Attributes:
        originals: for each family, the number of its original's wiring.
        variants: for each family, the numbers of its variants' wirings, counted separately.
    """

    originals: tuple[int, ...]
    variants: tuple[tuple[int, ...], ...]

    @property
    def sizes(self) -> list[int]:
        """The number of variants of each family."""
        return [len(keys) for keys in self.variants]

    @property
    def are_shared(self) -> bool:
        """Whether families have wirings in common."""
        every = [key for keys in self.variants for key in keys]
        return len(set(every)) < len(every) or len(set(self.originals)) < len(self.originals)

    def draw(
        self, random: Callable[[tuple[int, int]], Array], count: int
    ) -> tuple[Array, list[Array]]:
        """Draw numbers, with the same number for a wiring in every family that has it.

        Args:
            random: returns independent random numbers of a shape.
            count: number of draws.

        Returns:
            The originals' numbers, (count, families), and for each family its variants', (count,
            variants).
        """
        wirings = random((count, 1 + max(key for keys in self.variants for key in keys)))
        originals = random((count, 1 + max(self.originals)))
        return originals[:, self.originals], [wirings[:, keys] for keys in self.variants]


def wiring_keys(
    families: Families,
    wirings: Mapping[str, Sequence[Hashable]] | None = None,
    originals: Mapping[str, Hashable] | None = None,
) -> WiringKeys:
    """Number the wirings of families; the arguments are those of `contrast`.

    >>> wiring_keys({"a": (0.0, [1.0, 2.0]), "b": (0.0, [1.0, 3.0])}, {"a": "xy", "b": "xz"})
    WiringKeys(originals=(0, 1), variants=((0, 1), (0, 2)))
    """
    if wirings is None:
        wirings = {name: [(name, k) for k in range(len(v))] for name, (_, v) in families.items()}
    if originals is None:
        originals = {name: name for name in families}
    variant_number: dict[Hashable, int] = {}
    original_number: dict[Hashable, int] = {}
    return WiringKeys(
        tuple(
            original_number.setdefault(originals[name], len(original_number)) for name in families
        ),
        tuple(
            tuple(variant_number.setdefault(key, len(variant_number)) for key in wirings[name])
            for name in families
        ),
    )


@functools.lru_cache(maxsize=64)
def shared_null(keys: WiringKeys) -> Array:
    """Return sorted sums of standings if a wiring had the same number in every family.

    Originals and variants are draws from one continuous distribution. The reverse of each draw is
    added, so that both directions are alike.
    """
    originals, variants = keys.draw(np.random.default_rng(0).random, SHARED_DRAWS // 2)
    sums = sum(
        (others > original[:, None]).mean(axis=1)
        for original, others in zip(originals.T, variants, strict=True)
    )
    return np.sort(np.concatenate([sums, len(keys.originals) - sums]))


def at_least(null: Array, total: float) -> float:
    """Return P(S ≥ total) from a sorted sample; the observed total counts as one of the draws."""
    above = len(null) - int(np.searchsorted(null, total - 1e-9, "left"))
    return (1 + above) / (1 + len(null))
