"""Where numbers come from: facts that all trials share, and what differs between trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nascope._src.runtime.types import Plain

_LEFT_OUT = {"process", "host", "kind", "parts"}
"""Recorded on disk, but of no use to a reader elsewhere."""
_MISSING = "–"


@dataclass(frozen=True)
class Provenance:
    """Facts about several things.

    Attributes:
        shared: those that are equal for all, by name.
        names: of those that differ.
        rows: for each thing its name, and its values of the facts that differ.
    """

    shared: Mapping[str, str]
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def gather(facts: Sequence[tuple[str, Plain]]) -> Provenance:
    """Split facts about several things, each with a name, into shared and differing ones.

    >>> gather([("a", {"device": "cpu", "threads": 1}), ("b", {"device": "cpu", "threads": 2})])
    Provenance(shared={'device': 'cpu'}, names=('threads',), rows=(('a', ('1',)), ('b', ('2',))))
    """
    flat = [(thing, dict(_flatten(values))) for thing, values in facts]  # names may be equal
    shared, differing = {}, []
    for name in dict.fromkeys(name for _, values in flat for name in values):
        distinct = {values.get(name, _MISSING) for _, values in flat}
        if len(distinct) == 1:
            shared[name] = distinct.pop()
        else:
            differing.append(name)
    rows = tuple(
        (thing, tuple(values.get(name, _MISSING) for name in differing)) for thing, values in flat
    )
    return Provenance(shared, tuple(differing), rows)


def _flatten(facts: Plain, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if key in _LEFT_OUT:
            continue
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flatten(value, prefix=f"{name} · ")
        else:
            yield name, as_text(value)


def as_text(value: Any) -> str:
    """Return a setting as text.

    >>> as_text([3, 32, 32]), as_text(0.0003), as_text(None)
    ('3, 32, 32', '0.0003', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(as_text, value))
    return str(value)
