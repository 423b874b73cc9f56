"""Read and write cells in the formats of the field's tools. The format of a text is detected.

======================  ==========================================================================
``darts``               ``Genotype(normal=[…], …)`` in every shape found in public code, alone or
                        in a Python file with several genotypes
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
from nascope._src.cells.formats.fields import format_json, from_dict
from nascope._src.cells.genotype import FIELDS, Genotype, format_text
from nascope._src.errors import GenotypeError
from nascope._src.runtime.input_files import read_text

_MAX_BYTES = 4 * literal.MAX_TEXT  # a character takes up to four in UTF-8
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
    """A genotype, the format of its text, and a sentence for each thing that was left out."""

    genotype: Genotype
    format: str
    notes: tuple[str, ...]


def read(text: str, name: str | None = None) -> Reading:
    """Read a genotype from text in any of the formats.

    Args:
        text: The text.
        name: Name of the genotype to read, if the text holds several.

    Raises:
        GenotypeError: The text holds no genotype, an invalid one, or several without ``name``.
    """
    label, value = _pick(_find(literal.cleaned(text)), name)
    return _reading(label, value)


def parse(text: str, name: str | None = None) -> Genotype:
    """Read a genotype from text in any of the field's formats; nothing is evaluated.

    The formats are DARTS' ``Genotype(…)``, the same fields as JSON, NASLib's compact form, ENAS'
    arcs, NASNet's lists, NAS-Bench-201's string and NAS-Bench-101's matrix.

    Args:
        text: The text.
        name: Name of the genotype to read, if the text holds several.

    Raises:
        GenotypeError: The text holds no genotype, an invalid one, or several without ``name``.

    >>> parse("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[2], "
    ...       "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=range(2, 3))"
    ...       ).normal.edges[1]
    Edge(operation='skip_connect', source=1)
    """
    return read(text, name).genotype


def read_file(path: str | Path, name: str | None = None) -> Reading:
    """Read a genotype from a file. A genotype without a name gets the name of the file.

    Args:
        path: The file.
        name: Name of the genotype to read, if the file holds several.

    Raises:
        GenotypeError: The file cannot be read or holds no genotype; the message has its path.
    """
    path = Path(path)
    where = f"{path}:{name}" if name else f"{path}"
    try:
        reading = read(read_text(path, at_most=_MAX_BYTES), name)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise GenotypeError(f"{where}: {reason}") from None
    except GenotypeError as error:
        raise GenotypeError(f"{where}: {error}") from None
    if reading.genotype.name:
        return reading
    return Reading(reading.genotype.named(path.stem), reading.format, reading.notes)


def write(genotype: Genotype, form: str) -> str:
    """Return the genotype as text in a format.

    Args:
        genotype: The genotype.
        form: One of `FORMATS`.

    Raises:
        GenotypeError: The format is unknown, or cannot hold the cell.

    >>> from nascope._src.cells.catalog import load
    >>> write(load("DARTS"), "naslib")[:24]
    '(((0, 3), (1, 3), (0, 3)'
    """
    if form not in _WRITERS:
        raise GenotypeError(f"unknown format {form!r}; known are {', '.join(FORMATS)}")
    return _WRITERS[form](genotype)


# ---------------------------------------------------------------- finding the genotype

_Labelled = tuple[str | None, Any]  # a name, and a plain value, syntax tree or call


def _find(text: str) -> list[_Labelled]:
    """Find everything in the text that may be a genotype, without reading it yet."""
    if text.startswith("|"):
        return [(None, text)]
    if re.fullmatch(r"[0-9\s,]+", text):
        numbers = text.replace(",", " ").split()
        return [(None, [int(number[:9]) for number in numbers])]
    if text[0] in "{[" or text[0] == '"':
        try:
            value = literal.from_json(text)
        except ValueError:
            pass  # Python literals look like JSON
        else:
            return _named_values(value)
    statements = literal.statements(text)
    lists = {name: node for name, node in statements if name and name.endswith(_LIST_NAMES)}
    if len(lists) >= 2:  # NASNet's lists, one assignment each
        return [(None, {name: literal.literal_value(node) for name, node in lists.items()})]
    return _genotypes(statements)


_LIST_NAMES = ("operations", "hiddenstate_indices", "used_hiddenstates")


def _named_values(value: Any) -> list[_Labelled]:
    """Return a JSON value, or the values in it with their names."""
    if isinstance(value, dict):
        if "genotype" in value and not set(FIELDS) <= set(value):
            inner = value["genotype"]  # what `describe --json` prints
            name = value.get("name")
            if isinstance(inner, str):
                return [(name, node) for _, node in _find(literal.cleaned(inner))]
            return [(name, inner)]
        if (
            value
            and not _format_of(value)
            and all(isinstance(v, (dict, str)) for v in value.values())
        ):
            return list(value.items())
    return [(None, value)]


def _genotypes(statements: list[_Labelled]) -> list[_Labelled]:
    """Return the statements of Python source that hold a genotype. Aliases are resolved."""
    by_name: dict[str, ast.expr] = {}
    anonymous: list[_Labelled] = []
    for name, statement in statements:
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
    several: list[_Labelled] = [*by_name.items(), *anonymous]
    if not several and len(statements) == 1:  # one literal: an arc, a compact form, a string
        return [c for c in statements if isinstance(c[1], (ast.List, ast.Tuple, ast.Constant))]
    return several


def _pick(labelled: list[_Labelled], name: str | None) -> _Labelled:
    if name is not None:
        wanted = [c for c in labelled if c[0] == name]
        wanted = wanted or [c for c in labelled if (c[0] or "").lower() == name.lower()]
        if not wanted:
            known = ", ".join(str(label) for label, _ in labelled[:20] if label)
            raise GenotypeError(
                f"no genotype named {name!r} here; the names are: {known or 'none'}"
            )
        return wanted[-1]
    if not labelled:
        raise GenotypeError(_NOT_ONE)
    if len({id(value) for _, value in labelled}) > 1:
        names = [label or "(unnamed)" for label, _ in labelled]
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        raise GenotypeError(
            f"expected one genotype, but got {len(names)} genotypes here, "
            f"{', '.join(names[:10])}{more}: give one as FILE:NAME"
        )
    return labelled[0]


_NOT_ONE = (
    "not a genotype: expected Genotype(normal=[…], normal_concat=…, reduce=[…], reduce_concat=…) "
    "or one of the other formats"
)


def _reading(label: str | None, value: Any) -> Reading:
    form: str | None = None
    if isinstance(value, ast.expr):
        value, form = _value(value)
    notes: list[str] = []
    detected = _format_of(value)
    if detected is None and isinstance(value, str):  # a genotype's text as a string in JSON
        inner = read(value)
        named = inner.genotype if inner.genotype.name or not label else inner.genotype.named(label)
        return Reading(named, inner.format, inner.notes)
    if detected is None:
        if form is None and not (isinstance(value, dict) and set(FIELDS) & set(value)):
            raise GenotypeError(_NOT_ONE)
        detected = form if form == "nas-bench-101" else "json"  # its reader reports what is missing
    genotype = _READERS[detected][1](value, notes)
    if not genotype.name and label:
        genotype = genotype.named(label)
    return Reading(genotype, form or detected, tuple(notes))


def _value(node: ast.expr) -> tuple[Any, str | None]:
    """Return the value of a syntax tree, and its format if a call shows it."""
    called = literal.call(node)
    if called is None or called.name not in ("Genotype", "ModelSpec"):
        return literal.literal_value(node), None
    if called.name == "ModelSpec":
        return literal.arguments(called, ("matrix", "ops")), "nas-bench-101"
    return literal.arguments(called, FIELDS), "darts"


def _format_of(value: Any) -> str | None:
    """Return the first format that recognises a plain value."""
    for form, (recognises, _) in _READERS.items():
        if recognises(value):
            return form
    return None
