"""Cells in the formats of the field's tools: the format is found by itself, nothing is evaluated.

======================  ==========================================================================
``darts``               ``Genotype(normal=[…], …)`` in every shape found in public code, alone or
                        in a Python file with several
``json``                the same fields as a JSON object, or an object of several by name
``naslib``              NASLib's compact form of a DARTS cell
``enas``                ENAS' micro arc, a list of integers
``nasnet``              NASNet's and AmoebaNet's lists of hidden states
``nas-bench-201``       ``|op~0|+|op~0|op~1|+…``
``nas-bench-101``       adjacency matrix and operations
======================  ==========================================================================
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascope._src.cells.formats import hidden_states, literal, nasbench, naslib
from nascope._src.cells.genotype import FIELDS, Genotype, format_json, format_text, from_dict
from nascope._src.errors import GenotypeError

_READERS: dict[str, tuple[Callable[[Any], bool], Callable[[Any, list[str]], Genotype]]] = {
    "json": (lambda value: isinstance(value, dict) and set(FIELDS) <= set(value), from_dict),
    "nas-bench-201": (nasbench.is_nas_bench_201, nasbench.read_nas_bench_201),
    "nas-bench-101": (nasbench.is_nas_bench_101, nasbench.read_nas_bench_101),
    "nasnet": (hidden_states.is_nasnet, hidden_states.read_nasnet),
    "enas": (hidden_states.is_enas, hidden_states.read_enas),
    "naslib": (naslib.is_naslib, naslib.read_naslib),
}
_WRITERS: dict[str, Callable[[Genotype], str]] = {
    "darts": format_text,
    "json": format_json,
    "naslib": naslib.write_naslib,
    "enas": hidden_states.write_enas,
    "nasnet": hidden_states.write_nasnet,
    "nas-bench-201": nasbench.write_nas_bench_201,
    "nas-bench-101": nasbench.write_nas_bench_101,
}
FORMATS = tuple(_WRITERS)
"""Names of the formats that `write` knows."""


@dataclass(frozen=True)
class Reading:
    """A genotype, the format that it was found in, and what the reader left out."""

    genotype: Genotype
    format: str
    notes: tuple[str, ...]


def read(text: str, name: str | None = None) -> Reading:
    """Read a genotype from text in any of the formats.

    Args:
        name: which one, where the text holds several.

    Raises:
        GenotypeError: the text holds no genotype, an invalid one, or several and no name is given.
    """
    text = literal.checked(text)
    label, value = _pick(_candidates(text), name)
    return _reading(label, value)


def parse(text: str, name: str | None = None) -> Genotype:
    """The genotype that a text holds; see `read`.

    >>> parse("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[2], "
    ...       "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=range(2, 3))"
    ...       ).normal.edges[1]
    Edge(operation='skip_connect', source=1)
    """
    return read(text, name).genotype


def read_file(path: str | Path, name: str | None = None) -> Reading:
    """Read a genotype from a file; one without a name of its own gets the file's.

    Raises:
        GenotypeError: the file cannot be read or holds no genotype, with its path.
    """
    path = Path(path)
    where = f"{path}:{name}" if name else f"{path}"
    try:
        with path.open(encoding="utf-8") as file:  # a pipe is welcome, an endless device harmless
            reading = read(file.read(literal.MAX_TEXT + 1), name)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise GenotypeError(f"{where}: {reason}") from None
    except GenotypeError as error:
        raise GenotypeError(f"{where}: {error}") from None
    if reading.genotype.name:
        return reading
    return Reading(reading.genotype.named(path.stem), reading.format, reading.notes)


def write(genotype: Genotype, form: str) -> str:
    """The genotype as text of a format.

    Raises:
        GenotypeError: the format is unknown, or cannot hold the cell.

    >>> from nascope._src.cells.catalog import load
    >>> write(load("DARTS"), "naslib")[:24]
    '(((0, 3), (1, 3), (0, 3)'
    """
    if form not in _WRITERS:
        raise GenotypeError(f"unknown format {form!r}; known are {', '.join(FORMATS)}")
    return _WRITERS[form](genotype)


# ---------------------------------------------------------------- finding the genotype

Candidate = tuple[str | None, Any]  # a name, and a plain value, syntax tree or call


def _candidates(text: str) -> list[Candidate]:
    """Everything in the text that may be a genotype, unread."""
    if text.startswith("|"):
        return [(None, text)]
    if re.fullmatch(r"[0-9\s,]+", text):
        numbers = text.replace(",", " ").split()
        return [(None, [int(number[:9]) for number in numbers])]
    if text[0] in "{[" or text[0] == '"':
        try:
            value = literal.from_json(text)
        except ValueError:
            pass  # a Python literal looks alike
        else:
            return _named_values(value)
    found = literal.statements(text)
    lists = {name: node for name, node in found if name and name.endswith(_LIST_NAMES)}
    if len(lists) >= 2:  # NASNet's lists, one assignment each
        return [(None, {name: literal.literal(node) for name, node in lists.items()})]
    return _genotypes(found)


_LIST_NAMES = ("operations", "hiddenstate_indices", "used_hiddenstates")


def _named_values(value: Any) -> list[Candidate]:
    """A JSON value, or those in it by name."""
    if isinstance(value, dict):
        if "genotype" in value and not set(FIELDS) <= set(value):
            inner = value["genotype"]  # what `describe --json` prints
            name = value.get("name")
            if isinstance(inner, str):
                return [(name, node) for _, node in _candidates(literal.checked(inner))]
            return [(name, inner)]
        if (
            value
            and not _format_of(value)
            and all(isinstance(v, (dict, str)) for v in value.values())
        ):
            return list(value.items())
    return [(None, value)]


def _genotypes(found: list[Candidate]) -> list[Candidate]:
    """Those statements of Python source that hold a genotype; aliases are followed."""
    by_name: dict[str, ast.expr] = {}
    anonymous: list[Candidate] = []
    for name, statement in found:
        node = statement
        if isinstance(node, ast.Name) and node.id in by_name:
            node = by_name[node.id]
        called = literal.call(node)
        if not (called and called.name in ("Genotype", "ModelSpec")) and not isinstance(
            node, ast.Dict
        ):
            continue
        if name is None:
            anonymous.append((None, node))
        else:
            by_name[name] = node
    several: list[Candidate] = [*by_name.items(), *anonymous]
    if not several and len(found) == 1:  # a literal alone: an arc, a compact form, a string
        return [c for c in found if isinstance(c[1], (ast.List, ast.Tuple, ast.Constant))]
    return several


def _pick(candidates: list[Candidate], name: str | None) -> Candidate:
    if name is not None:
        wanted = [c for c in candidates if c[0] == name]
        wanted = wanted or [c for c in candidates if (c[0] or "").lower() == name.lower()]
        if not wanted:
            known = ", ".join(str(label) for label, _ in candidates[:20] if label)
            raise GenotypeError(f"no genotype named {name!r} here; there are: {known or 'none'}")
        return wanted[-1]
    if not candidates:
        raise GenotypeError(_NOT_ONE)
    if len({id(value) for _, value in candidates}) > 1:
        names = [label or "(unnamed)" for label, _ in candidates]
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        raise GenotypeError(
            f"{len(names)} genotypes here, {', '.join(names[:10])}{more}: give one as FILE:NAME"
        )
    return candidates[0]


_NOT_ONE = (
    "not a genotype: expected Genotype(normal=[…], normal_concat=…, reduce=[…], reduce_concat=…) "
    "or one of the other formats"
)


def _reading(label: str | None, value: Any) -> Reading:
    form: str | None = None
    if isinstance(value, ast.expr):
        value, form = _value(value)
    notes: list[str] = []
    found = _format_of(value)
    if found is None and isinstance(value, str):  # a genotype's text as a string in JSON
        inner = read(value)
        named = inner.genotype if inner.genotype.name or not label else inner.genotype.named(label)
        return Reading(named, inner.format, inner.notes)
    if found is None:
        if form is None and not (isinstance(value, dict) and set(FIELDS) & set(value)):
            raise GenotypeError(_NOT_ONE)
        found = "nas-bench-101" if form == "nas-bench-101" else "json"  # says what is missing
    genotype = _READERS[found][1](value, notes)
    if not genotype.name and label:
        genotype = genotype.named(label)
    return Reading(genotype, form or found, tuple(notes))


def _value(node: ast.expr) -> tuple[Any, str | None]:
    """A syntax tree's value; a ``Genotype(…)`` is the dictionary of its fields."""
    called = literal.call(node)
    if called is None or called.name not in ("Genotype", "ModelSpec"):
        return literal.literal(node), None
    if called.name == "ModelSpec":
        return literal.arguments(called, ("matrix", "ops")), "nas-bench-101"
    return literal.arguments(called, FIELDS), "darts"


def _format_of(value: Any) -> str | None:
    for form, (recognises, _) in _READERS.items():
        if recognises(value):
            return form
    return None
