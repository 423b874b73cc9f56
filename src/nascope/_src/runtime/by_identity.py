"""Numbers that are computed once for each object, and forgotten with it."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Hashable
from typing import Any, ParamSpec, TypeVar

Given = ParamSpec("Given")
Number = TypeVar("Number")


def once_per_object(compute: Callable[Given, Number]) -> Callable[Given, Number]:
    """Return a function that computes once for each first argument and equal further ones.

    Objects count as the same only if they are the same object, and are not kept alive.

    >>> class Thing: ...
    >>> calls = []
    >>> count = once_per_object(lambda thing: calls.append(thing) or len(calls))
    >>> thing = Thing()
    >>> count(thing), count(thing), count(Thing())
    (1, 1, 2)
    """
    known: dict[int, tuple[weakref.ref[Any], dict[Hashable, Number]]] = {}

    @functools.wraps(compute)
    def computed(*values: Given.args, **named: Given.kwargs) -> Number:
        thing, *more = values
        place = id(thing)
        entry = known.get(place)
        if entry is None or entry[0]() is not thing:
            gone = weakref.ref(thing, lambda ref: _forget(known, place, ref))
            entry = known[place] = gone, {}
        key = (*more, *sorted(named.items()))
        if key not in entry[1]:
            entry[1][key] = compute(*values, **named)
        return entry[1][key]

    return computed


def _forget(known: dict[int, Any], place: int, ref: weakref.ref[Any]) -> None:
    """Forget an object, unless another one has taken its place since."""
    entry = known.get(place)
    if entry is not None and entry[0] is ref:
        del known[place]
