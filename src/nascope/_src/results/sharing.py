"""Which wirings several families have in common: they are no independent draws.

A seed gives every cell of equal size the same wiring, the authors' way as nascope's, and a smaller
cell the beginning of it (Appendix A.2); and searches find some wirings again and again, SNAS' above
all. What a wiring does to a network it then does in every family, so that families that share their
variants or their original's wiring are not so many witnesses.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from nascope._src.results.families import Family, Wiring


@dataclass(frozen=True)
class Group:
    """Families that are linked by wirings.

    Attributes:
        families: their places.
        common: for each family the places of those wirings that all of the group have, in one
            order; a family that is alone has all of its own.
    """

    families: tuple[int, ...]
    common: tuple[tuple[int, ...], ...]


def groups(wirings: Sequence[Sequence[Hashable]]) -> list[Group]:
    """Families in groups that share no wiring with each other.

    Args:
        wirings: of each family, what its numbers belong to; equal in different families where the
            wiring is the same.

    >>> [one.families for one in groups([["a", "b"], ["c", "d"], ["b", "e"]])]
    [(0, 2), (1,)]
    >>> groups([["a", "b"], ["c", "d"], ["b", "e"]])[0].common
    ((1,), (0,))
    """
    found: list[tuple[set[int], set[Hashable]]] = []
    for place, own in enumerate(wirings):
        places, keys = {place}, set(own)
        apart = []
        for other in found:
            if other[1] & keys:
                places, keys = places | other[0], keys | other[1]
            else:
                apart.append(other)
        found = [*apart, (places, keys)]
    made = []
    for places, _ in found:
        members = tuple(sorted(places))
        shared = set.intersection(*(set(wirings[place]) for place in members))
        order = [key for key in dict.fromkeys(wirings[members[0]]) if key in shared]
        common = tuple(tuple(list(wirings[place]).index(key) for key in order) for place in members)
        if len(members) == 1:  # a wiring that stands twice in it stays twice
            common = (tuple(range(len(wirings[members[0]]))),)
        made.append(Group(members, common))
    return sorted(made, key=lambda one: one.families)


def shared_wirings(families: Sequence[Family]) -> dict[str, list[int]]:
    """By family a number for each of its variants, equal where wirings are, in any family.

    A wiring is that of the normal cell, or where a variant keeps its original's, that of the
    reduction cell. Of two cells of different sizes the wiring is the same where one is the
    beginning of the other.
    """
    texts = {
        family.name: [_sources(one, family.original) for one in family.variants]
        for family in families
    }
    every = sorted({text for own in texts.values() for text in own}, key=lambda t: (len(t[1]), t))
    number: dict[tuple[str, tuple[int, ...]], int] = {}
    for kind, sources in every:  # shortest first, so that beginnings are known
        start = next(
            (
                number[kind, sources[:length]]
                for length in range(len(sources), 0, -1)
                if (kind, sources[:length]) in number
            ),
            len(number),
        )
        number[kind, sources] = start
    return {name: [number[text] for text in own] for name, own in texts.items()}


def original_wirings(families: Sequence[Family]) -> dict[str, Hashable]:
    """By family what its original's wiring is, equal where it is the same in any family.

    That of the normal cell, or where all variants keep it, of the reduction cell; the order of a
    node's edges does not count.
    """
    found: dict[str, Hashable] = {}
    for family in families:
        if family.original is not None:
            kinds = {_sources(one, family.original)[0] for one in family.variants}
            kind = "reduce" if kinds == {"reduce"} else "normal"
            cell = getattr(family.original.genotype, kind)
            found[family.name] = (kind, tuple(tuple(sorted(node)) for node in cell.sources))
    return found


def _sources(one: Wiring, original: Wiring | None) -> tuple[str, tuple[int, ...]]:
    kind, cell = "normal", one.genotype.normal
    if original is not None and cell.sources == original.genotype.normal.sources:
        kind, cell = "reduce", one.genotype.reduce
    return kind, tuple(source for node in cell.sources for source in node)
