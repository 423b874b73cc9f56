"""The paper's nine claims, and what the paper itself excepts from them.

docs/guides/verdicts.md gives the rules by which each is judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nascope._src.probes.settings import BatchNormMode

MODES: tuple[BatchNormMode, ...] = ("frozen", "recalibrated")
"""BatchNorm modes in which claims 5 and 6 are judged; the first is the paper's."""

POPULAR = ("NASNet", "AmoebaNet", "ENAS", "DARTS", "SNAS")
"""The five cells of the paper."""

RATE = 0.025
"""The paper's own learning rate; its Figure 4 also trains at a tenth and ten times it."""


@dataclass(frozen=True)
class Claim:
    """One of the nine.

    Attributes:
        number: from 1 to 9.
        statement: what the paper says, as a sentence about popular cells.
        section: where the paper says it.
        excepted: families that the paper excepts; they do not enter the claim's test.
    """

    number: int
    title: str
    statement: str
    section: str
    excepted: frozenset[str] = frozenset()


CLAIMS = {
    claim.number: claim
    for claim in (
        Claim(
            1,
            "Wide and shallow",
            "Popular cells are among the widest and shallowest of their search space.",
            "Observation 3.1",
        ),
        Claim(
            2,
            "Faster convergence",
            "Popular cells converge faster than their random variants.",
            "Section 4.1, Figures 3, 12 and 13",
        ),
        Claim(
            3,
            "Steadier convergence",
            "Popular cells converge more stably than their random variants.",
            "Section 4.1, Figures 3, 12 and 13",
        ),
        Claim(
            4,
            "A gap that grows with the rate",
            "The larger the learning rate, the larger the advantage of popular cells.",
            "Section 4.1, Figure 4",
        ),
        Claim(
            5,
            "Smoother landscape",
            "The loss landscape around popular cells is smoother.",
            "Section 4.2, Figures 5, 14 and 15",
            frozenset({"SNAS"}),
        ),
        Claim(
            6,
            "Smaller gradient variance",
            "The gradient variance around popular cells is smaller.",
            "Section 4.2, Figures 6, 7, 16 and 17",
            frozenset({"AmoebaNet", "SNAS"}),
        ),
        Claim(
            7,
            "Early evaluation selects them",
            "Popular cells lead early in training, which is when search evaluates.",
            "Sections 4.1 and 6",
        ),
        Claim(
            8,
            "Competitive, not better",
            "At convergence popular cells are competitive, but do not generalise better.",
            "Section 5, Figure 9",
        ),
        Claim(
            9,
            "Adapted cells",
            "Cells adapted to the widest and shallowest wiring are worse on CIFAR-10 and better "
            "on CIFAR-100.",
            "Section 5, Table 1",
            frozenset({"SNAS"}),
        ),
    )
}

ExceptionRule = Literal[
    "third variant is smoothest",
    "fourth variant is no rougher",
    "not the smallest",
    "alike",
    "first of its family",
    "adapted is better",
]


@dataclass(frozen=True)
class PaperException:
    """What the paper excepts of one family from a claim.

    Attributes:
        rule: how it is checked.
        statement: what the paper says.
    """

    claim: int
    family: str
    rule: ExceptionRule
    statement: str


EXCEPTIONS = {
    (exception.claim, exception.family): exception
    for exception in (
        PaperException(2, "SNAS", "alike", "the curves of its family are 'very close'"),
        PaperException(3, "SNAS", "alike", "the curves of its family are 'very close'"),
        PaperException(
            5,
            "SNAS",
            "third variant is smoothest",
            "the third variant, not the original, is the smoothest",
        ),
        PaperException(
            5,
            "AmoebaNet",
            "fourth variant is no rougher",
            "the fourth variant's landscape is an exception",
        ),
        PaperException(
            6,
            "AmoebaNet",
            "not the smallest",
            "its variance is not the smallest of its family",
        ),
        PaperException(
            6,
            "SNAS",
            "alike",
            "the variances of its family cannot be told apart",
        ),
        PaperException(8, "AmoebaNet", "first of its family", "no variant beats it"),
        PaperException(
            9,
            "SNAS",
            "adapted is better",
            "its adapted cell is better on CIFAR-10 as well",
        ),
    )
}
"""By claim and family.

Those of claims 2, 3 and 8 concede how large an effect is, and not its direction: their families
stay in the claim's test.
"""

LEFT_OUT = {(5, "AmoebaNet", "published 4")}
"""(claim, family, variant) that the paper calls exceptional; they do not enter the claim's test."""
