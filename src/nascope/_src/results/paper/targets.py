"""The paper's figures and tables, as data: what each compares, and what the paper says it shows."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nascope._src.errors import StudyError
from nascope._src.results.paper.claims import POPULAR

FigureKind = Literal[
    "topologies",
    "curves",
    "landscape",
    "variance",
    "surfaces",
    "linear cells",
    "accuracies",
    "table1",
    "theory",
]

BOTH = ("cifar10", "cifar100")
RATES = (0.0025, 0.025, 0.25)

_NAMED = 5  # cells that a title names


@dataclass(frozen=True)
class Target:
    """A figure or table of the paper.

    Args:
        name: as on the command line.
        title: what it shows, of {cells} and {their} variants: see `titled_of`.
        drawing: what kind of figure it is.
        paper: what the paper shows there, its exceptions included.
        cells: the originals; each is a family with its variants.
        variants: how many of the authors' variants of each; their seeds are 1, 2, ….
        by_width: whether variants are ordered by falling width and growing depth; otherwise they
            are in the order of their seeds.
        data: data sets by name; where CIFAR-100 is missing, its panels say so.
        learning_rates: of the trainings; a column each.
        recipe: "section4" or "table1"; None where nothing is trained.
        claims: of docs/guides/verdicts.md, that it bears on.
    """

    name: str
    title: str
    drawing: FigureKind
    paper: str
    cells: tuple[str, ...] = ()
    variants: int = 0
    by_width: bool = False
    data: tuple[str, ...] = ()
    learning_rates: tuple[float, ...] = (0.025,)
    recipe: Literal["section4", "table1"] | None = None
    claims: tuple[int, ...] = ()

    def titled_of(self, families: Sequence[str]) -> str:
        """Its title for these cells.

        >>> TARGETS["fig5"].titled_of(["DARTS"])
        'Loss landscape around DARTS and its random variants'
        >>> TARGETS["fig1"].titled_of(["ENAS", "SNAS"]), TARGETS["fig1"].titled_of(POPULAR)
        ('Topologies of ENAS and SNAS', 'Topologies of five popular cells')
        """
        their = "its" if len(families) == 1 else "their"
        return self.title.format(cells=in_words(families), their=their)

    @property
    def probe(self) -> Literal["landscape", "variance"] | None:
        """The kind of probe that it draws."""
        if self.drawing == "surfaces":
            return "variance"
        return self.drawing if self.drawing in ("landscape", "variance") else None


def in_words(families: Sequence[str]) -> str:
    """Cells by name, where they are few."""
    if tuple(families) == POPULAR:
        return "five popular cells"
    if len(families) > _NAMED:
        return f"{len(families)} cells"
    *others, last = families or ("",)
    return f"{', '.join(others)} and {last}" if others else last


def _topologies(name: str, title: str, *cells: str, paper: str, by_width: bool = False) -> Target:
    variants = 0 if len(cells) > 1 else 4
    return Target(name, title, "topologies", paper, cells, variants, by_width, claims=(1,))


def _curves(
    name: str,
    cell: str,
    paper: str,
    *,
    data: tuple[str, ...] = BOTH[:1],
    rates: tuple[float, ...] = (0.025,),
    claims: tuple[int, ...] = (2, 3, 7),
) -> Target:
    title = "Convergence of {cells} and {their} random variants"
    if len(rates) > 1:
        title += " at three learning rates"
    return Target(
        name,
        title,
        "curves",
        paper,
        (cell,),
        4,
        data=data,
        learning_rates=rates,
        recipe="section4",
        claims=claims,
    )


def _grids(name: str, drawing: FigureKind, cell: str, paper: str, *, data: str = BOTH[0]) -> Target:
    what = {
        "landscape": "Loss landscape around",
        "variance": "Gradient variance around",
        "surfaces": "Gradient variance as a surface, around",
    }[drawing]
    title = what + " {cells} and {their} random variants"
    claims = (5,) if drawing == "landscape" else (6,)
    return Target(
        name, title, drawing, paper, (cell,), 4, data=(data,), recipe="section4", claims=claims
    )


_ALL = (
    _topologies(
        "fig1",
        "Topologies of {cells}",
        *POPULAR,
        paper=(
            "the popular cells are among the widest and shallowest of their spaces: 5c, 4c, 5c, "
            "3.5c and 4c wide (strict, as submitted: 5c, 3c, 5c, 3c, 4c), 2, 4, 2, 3 and 2 deep"
        ),
    ),
    _topologies(
        "fig2",
        "Topologies of {cells} and {their} random variants",
        "DARTS",
        paper=(
            "from DARTS' cell to its variants C1 to C4 the width falls and the depth grows; their "
            "seeds are not known, so that here are the authors' seeds 1 to 4, in that order"
        ),
        by_width=True,
    ),
    _curves(
        "fig3",
        "DARTS",
        "DARTS' cell converges faster and more stably than its variants, on both data sets; the "
        "paper concedes that this need not give the 'best converged performance'",
        data=BOTH,
    ),
    _curves(
        "fig4",
        "DARTS",
        "the larger the learning rate, the further DARTS' variants fall behind it, on both data "
        "sets; at 0.25 the variant C3 'completely fails'. The submission shows C1 and C3 at 0.0025 "
        "and 0.25; here are four variants, and 0.025 as well",
        data=BOTH,
        rates=RATES,
        claims=(4,),
    ),
    _grids(
        "fig5",
        "landscape",
        "DARTS",
        "the loss is smooth and nearly convex around DARTS' cell, and less so around the narrower "
        "and deeper variants",
    ),
    _grids(
        "fig6",
        "variance",
        "DARTS",
        "the gradient variance around DARTS' cell is smaller than around its variants",
    ),
    _grids(
        "fig7",
        "surfaces",
        "DARTS",
        "the gradient variance around DARTS' cell is smaller, and grows less away from it, than "
        "around its variants, on CIFAR-100",
        data=BOTH[1],
    ),
    Target(
        "fig8",
        "The theory's widest and narrowest cell",
        "linear cells",
        "block by block the narrowest cell's Lipschitz constant is the widest's times a product of "
        "the λ before it (Theorem 4.2), and its gradient variance is bounded by a sum of such "
        "(Theorem 4.3); Theorem 4.2 is false as published, and corrected here",
    ),
    Target(
        "fig9",
        "Test accuracy at convergence of {cells} and {their} random variants",
        "accuracies",
        "at convergence the popular cells are competitive, but not always better than their "
        "variants; AmoebaNet is the one cell that no variant beats",
        POPULAR,
        10,
        data=BOTH[:1],
        recipe="section4",
        claims=(8,),
    ),
    _topologies(
        "fig10",
        "Topologies of {cells} and {their} random variants",
        "AmoebaNet",
        paper="the variants are 2c, c, 2c and 3c wide (strict), and 5, 6, 4 and 3 deep",
    ),
    _topologies(
        "fig11",
        "Topologies of {cells} and {their} random variants",
        "SNAS",
        paper="SNAS' cell is 4c wide and 2 deep; its variants are narrower and deeper",
    ),
    _curves(
        "fig12",
        "AmoebaNet",
        "AmoebaNet's cell converges faster and more stably than its variants",
    ),
    _curves(
        "fig13",
        "SNAS",
        "SNAS' cell converges faster and more stably than its variants; the paper concedes that "
        "their curves are 'very close'",
    ),
    _grids(
        "fig14",
        "landscape",
        "AmoebaNet",
        "AmoebaNet's landscape is smoother than its variants', but for C4, an exception that the "
        "paper names",
    ),
    _grids(
        "fig15",
        "landscape",
        "SNAS",
        "SNAS' landscape is smooth; the smoothest is that of its variant C3, an exception that the "
        "paper names",
    ),
    _grids(
        "fig16",
        "variance",
        "AmoebaNet",
        "AmoebaNet's gradient variance is not the smallest, an exception that the paper names",
    ),
    _grids(
        "fig17",
        "variance",
        "SNAS",
        "the gradient variances of SNAS and its variants can't be told apart: many skips widen "
        "its cells, the paper says",
    ),
    Target(
        "table1",
        "Test errors of {cells}, original and adapted to be the widest and shallowest",
        "table1",
        "adapted cells are worse on CIFAR-10, but for SNAS, and better on CIFAR-100",
        POPULAR,
        data=BOTH,
        recipe="table1",
        claims=(9,),
    ),
    Target(
        "theory",
        "Theorems 4.1 to 4.3, checked on linear cells",
        "theory",
        "wide cells have the smaller Lipschitz constants and gradient variances, by Theorems 4.2 "
        "and 4.3, and so converge faster, by Theorem 4.1",
    ),
)
TARGETS = {target.name: target for target in _ALL}
"""Every figure and table by its name, in the paper's order."""


def targets_of(names: Sequence[str]) -> tuple[Target, ...]:
    """The targets that a user names, in the paper's order, each once; "all" is all of them.

    Raises:
        StudyError: a name is unknown; the message names the nearest one.

    >>> [target.name for target in targets_of(["table1", "fig3"])]
    ['fig3', 'table1']
    """
    wanted = set()
    for name in names:
        plain = name.strip().lower().replace("figure", "fig").replace(" ", "").replace("-", "")
        if plain not in {*TARGETS, "all"}:
            near = difflib.get_close_matches(plain[:40], [*TARGETS, "all"], n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}? " if near else ""
            raise StudyError(
                f"nothing to reproduce is called {name!r:.60}: {hint}there are fig1 to fig17, "
                "table1, theory and all"
            )
        wanted.add(plain)
    return tuple(t for t in _ALL if t.name in wanted or "all" in wanted)
