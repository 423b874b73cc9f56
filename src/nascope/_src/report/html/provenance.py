"""Where numbers come from: what all trials share, said once, and what differs, trial by trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LEFT_OUT = {"process", "host", "kind", "parts"}
"""Recorded on disk, but of no use to a reader elsewhere."""


@dataclass(frozen=True)
class Differing:
    """What sets one thing apart: its values in the order of `Provenance.names`."""

    of: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Provenance:
    """Facts about several things: ``shared`` name → value, and a table of those that differ."""

    shared: Mapping[str, str]
    names: tuple[str, ...]  # of the facts that differ
    rows: tuple[Differing, ...]  # one a thing


def gather(facts: Sequence[tuple[str, Mapping[str, Any]]]) -> Provenance:
    """Split facts about several things, each named, into those that are equal and the others.

    >>> gather([("a", {"device": "cpu", "threads": 1}), ("b", {"device": "cpu", "threads": 2})])
    Provenance(shared={'device': 'cpu'}, names=('threads',), rows=(Differing(of='a', \
values=('1',)), Differing(of='b', values=('2',))))
    """
    flat = [dict(_flatten(one)) for _, one in facts]
    names = tuple(dict.fromkeys(name for one in flat for name in one))
    shared, differing = {}, []
    for name in names:
        values = {one.get(name, "–") for one in flat}
        if len(values) == 1:
            shared[name] = values.pop()
        else:
            differing.append(name)
    rows = tuple(
        Differing(of, tuple(one.get(name, "–") for name in differing))
        for (of, _), one in zip(facts, flat, strict=True)
    )
    return Provenance(shared, tuple(differing), rows)


def _flatten(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        if key in _LEFT_OUT:
            continue
        name = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flatten(value, prefix=f"{name} · ")
        else:
            yield name, written(value)


def written(value: Any) -> str:
    """A setting as text.

    >>> written([3, 32, 32]), written(0.0003), written(None)
    ('3, 32, 32', '0.0003', 'none')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(written(item) for item in value)
    return str(value)
