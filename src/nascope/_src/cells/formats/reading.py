"""Read and write cells in the formats of the field's tools. The format of a text is detected.

======================  ==========================================================================
``darts``               ``Genotype(normal=[…], …)`` in every shape found in public code, alone, in
                        a Python file with several genotypes, or within other text
``json``                the same fields as a JSON object, or an object of several by name
``naslib``              NASLib's compact form of a DARTS cell
``enas``                ENAS' micro arc, a list of integers
``nasnet``              NASNet's and AmoebaNet's lists of hidden states
``nas-bench-201``       ``|op~0|+|op~0|op~1|+…``, the same as nested tuples, or NASLib's six indices
``nas-bench-101``       adjacency matrix and operations
``configspace``         NAS-Bench-301's dictionary of edges and inputs (read only)
======================  ==========================================================================
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nascope._src.cells.formats import (
    configspace,
    embedded,
    fields,
    hidden_states,
    literal,
    nasbench,
    naslib,
)
from nascope._src.cells.formats.fields import format_json
from nascope._src.cells.formats.others import what_else
from nascope._src.cells.genotype import FIELDS, Genotype, format_text
from nascope._src.errors import GenotypeError
from nascope._src.runtime.input_files import read_text

_MAX_BYTES = 4 * literal.MAX_TEXT  # a character takes up to four in UTF-8
_READERS: dict[str, tuple[Callable[[Any], bool], Callable[[Any, list[str]], Genotype]]] = {
    "json": (fields.is_genotype, fields.read_genotype),
    "nas-bench-201": (nasbench.is_nas_bench_201, nasbench.read_nas_bench_201),
    "nas-bench-101": (nasbench.is_nas_bench_101, nasbench.read_nas_bench_101),
    "configspace": (configspace.is_configspace, configspace.read_configspace),
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


def read_value(value: Any) -> Reading:
    """Read a genotype from a plain value, as JSON holds it, in any of the formats.

    Args:
        value: Lists, dictionaries, numbers and strings.

    Raises:
        GenotypeError: The value is no genotype, or an invalid one.

    >>> read_value([2, 1, 0, 0, 1, 1]).format
    'nas-bench-201'
    """
    return _reading(None, value)


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
    name = path.stem.encode(errors="surrogateescape").decode(errors="replace")  # may not be UTF-8
    return Reading(reading.genotype.named(name), reading.format, reading.notes)


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

_Labelled = tuple[str | None, Any]  # a name, and a plain value or the reason why it is not one
_LIST_NAMES = ("operations", "hiddenstate_indices", "used_hiddenstates")


def _find(text: str) -> list[_Labelled]:
    """Find everything in the text that may be a genotype, without reading it yet."""
    if text.startswith("|"):
        return [(None, text)]
    if numbers := literal.printed_numbers(text):
        return [(None, numbers)]
    if text[0] in "{[" or text[0] == '"':
        try:
            value = literal.from_json(text)
        except ValueError:
            pass  # Python literals look like JSON
        else:
            return _named_values(value) or [(None, value)]
    try:
        statements = literal.statements(text)
    except GenotypeError:
        if found := _embedded(text):
            return found
        raise
    return _genotypes(statements) or _embedded(text)


def _embedded(text: str) -> list[_Labelled]:
    """Return the genotypes within a text of another kind, such as YAML."""
    found: list[_Labelled] = []
    for name, inner in embedded.find_all(text):
        value = inner if inner.startswith("|") else _value(literal.expression(inner))
        found.append((name, value))
    return found


def _genotypes(statements: list[tuple[str | None, ast.expr]]) -> list[_Labelled]:
    """Return the genotypes in the statements of Python source. Aliases are resolved."""
    nodes = {name: node for name, node in statements if name is not None}
    lists = {name: node for name, node in nodes.items() if name.endswith(_LIST_NAMES)}
    if len(lists) >= 2:  # NASNet's lists, one assignment each
        return [(None, {name: literal.literal_value(node) for name, node in lists.items()})]
    by_name: dict[str, Any] = {}
    anonymous: list[_Labelled] = []
    found: list[_Labelled]
    for name, node in statements:
        if isinstance(node, ast.Name):
            found = [(None, by_name[node.id])] if node.id in by_name else []
        elif literal.holds_genotype(node) or isinstance(node, ast.Dict):
            found = _named_values(_value(node))
        else:
            continue
        for inner, value in found:
            if (label := inner or name) is None:
                anonymous.append((None, value))
            else:
                by_name[label] = value
    if by_name or anonymous:
        return [*by_name.items(), *anonymous]
    if parts := {name: node for name, node in nodes.items() if name in FIELDS}:
        return [(None, {name: literal.literal_value(node) for name, node in parts.items()})]
    if len(statements) == 1:  # one literal: an arc, a compact form, a string
        name, node = statements[0]
        if isinstance(node, ast.List | ast.Tuple | ast.Constant | ast.Call | ast.Dict):
            return [(name, _value(node))]
    return []


def _value(node: ast.expr) -> Any:
    """Return a plain value, or the reason why there is none: another genotype may be wanted."""
    try:
        return literal.literal_value(node)
    except GenotypeError as error:
        return error


def _named_values(value: Any) -> list[_Labelled]:
    """Return the genotypes in a plain value, with what dictionaries and lists call them."""
    entries: Iterable[tuple[str, Any]]
    match value:
        case {"genotype": inner} if not set(FIELDS) <= set(value):
            name = value.get("name")  # what `describe --json` prints
            return [(name, inner)] if name is not None else _named_values(inner) or [(None, inner)]
        case _ if _is_one(value):
            return [(None, value)]
        case dict():
            entries = value.items()
        case list():
            entries = ((str(place) if len(value) > 1 else "", v) for place, v in enumerate(value))
        case _:
            return []
    return [
        (inner or (None if label.lower() in embedded.GENERIC else label), each)
        for label, item in entries
        for inner, each in _named_values(item)
    ]


def _is_one(value: Any) -> bool:
    """Return whether a value can only be a genotype; lists of numbers may be something else."""
    match value:
        case GenotypeError() | literal.Written():
            return True
        case str():
            begins = value.lstrip().startswith(("{", "[", "("))
            numbers = literal.printed_numbers(value) or ()
            return begins or len(numbers) >= 6 or embedded.start_of(value) is not None
        case dict():
            return bool(set(FIELDS) & set(value)) or _format_of(value) is not None
        case list():
            return fields.is_genotype(value)
    return False


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
    if isinstance(value, GenotypeError):
        raise value
    notes: list[str] = []
    detected = _format_of(value)
    if detected is None and isinstance(value, str):  # a genotype's text as a string in JSON
        inner = read(value)
        named = inner.genotype if inner.genotype.name or not label else inner.genotype.named(label)
        return Reading(named, inner.format, inner.notes)
    form = value.form if isinstance(value, literal.Written) else None
    if detected is None:
        if what := what_else(value):
            raise GenotypeError(f"expected a normal and a reduction cell, but this is {what}")
        if form is None and not (isinstance(value, dict) and set(FIELDS) & set(value)):
            raise GenotypeError(_NOT_ONE)
        detected = form if form == "nas-bench-101" else "json"  # its reader reports what is missing
    genotype = _READERS[detected][1](value, notes)
    if not genotype.name and label:
        genotype = genotype.named(label)
    return Reading(genotype, form or detected, tuple(notes))


def _format_of(value: Any) -> str | None:
    """Return the first format that recognises a plain value."""
    for form, (recognises, _) in _READERS.items():
        if recognises(value):
            return form
    return None
