"""Genotypes: the immutable description of a normal and a reduction cell, and its text forms.

A cell is a directed acyclic graph. Node 0 … M−1 are its inputs (the outputs of the M preceding
cells), the following are intermediate nodes, each of which sums its edges; the output concatenates
the nodes in ``concat``. An edge is an operation applied to an earlier node, its source.
"""

from __future__ import annotations

import ast
import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from nascope.errors import GenotypeError

OPERATIONS = (
    "skip_connect",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "avg_pool_3x3",
    "avg_pool_5x5",
    "avg_pool_7x7",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "conv_1x1",
    "conv_3x3",
    "conv_3x1_1x3",
    "conv_7x1_1x7",
)
"""Names of the operations that an edge may carry, as in the published genotypes."""

MAX_TEXT = 200_000  # characters; the longest file of published genotypes has some 60,000
MAX_NODES = 1_000  # nodes of one cell; the published ones have at most 12
_MAX_NESTING = 30  # brackets; a genotype needs 4, and Python's own parser overflows near 100


class Edge(NamedTuple):
    """One edge: ``operation`` applied to the output of node ``source``."""

    operation: str
    source: int


@dataclass(frozen=True)
class Cell:
    """A cell: the edges into each intermediate node, and the nodes that the output concatenates.

    Args:
        nodes: for each intermediate node, in order, its incoming edges.
        concat: indices of the nodes that the output concatenates, counted with the inputs first.
        num_inputs: number M of input nodes.

    Raises:
        GenotypeError: an edge does not point backwards, an operation is unknown, or ``concat``
            names a node that is not intermediate or names one twice.

    >>> Cell(nodes=((("skip_connect", 0), ("sep_conv_3x3", 1)),), concat=(2,)).num_nodes
    1
    """

    nodes: tuple[tuple[Edge, ...], ...]
    concat: tuple[int, ...]
    num_inputs: int = 2

    def __post_init__(self) -> None:
        nodes = tuple(tuple(Edge(*edge) for edge in node) for node in self.nodes)
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "concat", tuple(self.concat))
        _check_cell(self)

    @property
    def num_nodes(self) -> int:
        """Number of intermediate nodes, N − M − 1."""
        return len(self.nodes)

    @property
    def sources(self) -> tuple[tuple[int, ...], ...]:
        """For each intermediate node the sources of its edges: the wiring without operations."""
        return tuple(tuple(edge.source for edge in node) for node in self.nodes)

    @property
    def edges(self) -> tuple[Edge, ...]:
        """All edges, node by node."""
        return tuple(edge for node in self.nodes for edge in node)

    def _repr_svg_(self) -> str:
        from nascope.cells.drawing import cell_svg  # noqa: PLC0415

        return cell_svg(self)


@dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell. The name is a label only: equality ignores it."""

    normal: Cell
    reduce: Cell
    name: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.normal.num_inputs != self.reduce.num_inputs:
            raise GenotypeError(
                "normal and reduction cell must read the same number of preceding cells, but read "
                f"{self.normal.num_inputs} and {self.reduce.num_inputs}"
            )

    def __str__(self) -> str:
        return format_text(self)

    def named(self, name: str) -> Genotype:
        """The same genotype under another name."""
        return replace(self, name=name)

    def _repr_html_(self) -> str:
        from nascope.cells.drawing import genotype_html  # noqa: PLC0415

        return genotype_html(self)


def _check_cell(cell: Cell) -> None:
    if cell.num_inputs < 1:
        raise GenotypeError(f"a cell needs at least one input node, not {cell.num_inputs}")
    if not 1 <= cell.num_nodes <= MAX_NODES:
        raise GenotypeError(
            f"a cell needs 1 to {MAX_NODES} intermediate nodes, not {cell.num_nodes}"
        )
    for index, node in enumerate(cell.nodes, start=cell.num_inputs):
        if not node:
            raise GenotypeError(f"node {index} has no incoming edge")
        for edge in node:
            _check_edge(edge, index)
    last = cell.num_inputs + cell.num_nodes - 1
    if not cell.concat:
        raise GenotypeError("concat is empty: the output must concatenate at least one node")
    for node_index in cell.concat:
        if not _is_index(node_index) or not cell.num_inputs <= node_index <= last:
            raise GenotypeError(
                f"concat names node {node_index!r}, but the intermediate nodes are "
                f"{cell.num_inputs} to {last}"
            )
    if len(set(cell.concat)) != len(cell.concat):
        raise GenotypeError(f"concat names a node twice: {list(cell.concat)}")


def _check_edge(edge: Edge, index: int) -> None:
    if edge.operation not in OPERATIONS:
        near = difflib.get_close_matches(str(edge.operation)[:40], OPERATIONS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(OPERATIONS)}"
        raise GenotypeError(f"unknown operation {_short(edge.operation)} at node {index}: {hint}")
    if not _is_index(edge.source) or edge.source < 0:
        raise GenotypeError(
            f"node {index}: the source of an edge must be a node index, not {_short(edge.source)}"
        )
    if edge.source >= index:
        raise GenotypeError(
            f"node {index} reads node {edge.source}, but an edge must come from an earlier node "
            f"(0 to {index - 1})"
        )


def _is_index(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "…"


# ---------------------------------------------------------------- from the field's flat lists


def cell_from_pairs(
    pairs: Sequence[Any], concat: Iterable[int], *, num_inputs: int = 2, what: str = "cell"
) -> Cell:
    """A cell from the exchange format: entries 2i and 2i+1 are the edges of intermediate node i.

    Args:
        pairs: ``(operation, source)`` pairs.
        concat: nodes that the output concatenates.
        what: how an error names the list ("normal", "reduce").

    Raises:
        GenotypeError: an entry is not a pair, or their number is odd.
    """
    if not isinstance(pairs, (list, tuple)):
        raise GenotypeError(f"{what}: expected a list of (operation, source), got {_short(pairs)}")
    edges = []
    for index, pair in enumerate(pairs):
        match pair:
            case [str(operation), source] if not isinstance(pair, str):
                edges.append(Edge(operation, source))
            case _:
                raise GenotypeError(
                    f"{what}, entry {index}: expected (operation, source), got {_short(pair)}"
                )
    if len(edges) % 2:
        raise GenotypeError(
            f"{what}: {len(edges)} edges, but every intermediate node needs two "
            "(entries 2i and 2i+1 belong to one node)"
        )
    if not isinstance(concat, (list, tuple, range)):
        raise GenotypeError(f"{what}_concat: expected a list of node indices, got {_short(concat)}")
    nodes = tuple(zip(edges[::2], edges[1::2], strict=True))
    try:
        return Cell(nodes=nodes, concat=tuple(concat), num_inputs=num_inputs)
    except GenotypeError as error:
        raise GenotypeError(f"{what} cell: {error}") from None


FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


def from_dict(fields: dict[str, Any]) -> Genotype:
    """A genotype from its four fields, as JSON holds them; an optional ``name`` is kept.

    Raises:
        GenotypeError: a field is missing, unknown or malformed.
    """
    missing = [name for name in FIELDS if name not in fields]
    if missing:
        raise GenotypeError(f"genotype lacks {', '.join(missing)}; it needs {', '.join(FIELDS)}")
    known = {*FIELDS, "name", "source"}  # a source may say where a published cell comes from
    unknown = [_short(key) for key in fields if key not in known]
    if unknown:
        raise GenotypeError(f"genotype has unknown fields {', '.join(unknown)}")
    name = fields.get("name")
    if name is not None and not isinstance(name, str):
        raise GenotypeError(f"name: expected text, got {_short(name)}")
    return Genotype(
        normal=cell_from_pairs(fields["normal"], fields["normal_concat"], what="normal"),
        reduce=cell_from_pairs(fields["reduce"], fields["reduce_concat"], what="reduce"),
        name=name,
    )


def to_dict(genotype: Genotype) -> dict[str, Any]:
    """The genotype's four fields as plain lists: the literal that identifies it."""
    return {
        "normal": [list(edge) for edge in genotype.normal.edges],
        "normal_concat": list(genotype.normal.concat),
        "reduce": [list(edge) for edge in genotype.reduce.edges],
        "reduce_concat": list(genotype.reduce.concat),
    }


# ---------------------------------------------------------------- text


def parse(text: str) -> Genotype:
    """Read a genotype from text: ``Genotype(normal=[…], …)``, an assignment of it, or JSON.

    The text is parsed, never evaluated.

    Raises:
        GenotypeError: the text is no genotype, or an invalid one.

    >>> parse("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[2], "
    ...       "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1)], reduce_concat=range(2, 3))"
    ...       ).normal.edges[1]
    Edge(operation='skip_connect', source=1)
    """
    text = text.strip().lstrip("\ufeff")
    if not text:
        raise GenotypeError("empty text where a genotype was expected")
    if len(text) > MAX_TEXT:
        raise GenotypeError(f"text of {len(text)} characters is too long for a genotype")
    if "\0" in text:
        raise GenotypeError("not a genotype: the text holds binary data")
    if _nesting(text) > _MAX_NESTING:
        raise GenotypeError("not a genotype: brackets are nested too deeply")
    name, fields = _fields_of_json(text) if text.startswith("{") else _fields_of_python(text)
    genotype = from_dict(fields)
    return genotype if genotype.name or not name else genotype.named(name)


def _nesting(text: str) -> int:
    depth = deepest = 0
    for character in re.findall(r"[\[\](){}]", text):
        depth += 1 if character in "[({" else -1
        deepest = max(deepest, depth)
    return deepest


def _fields_of_json(text: str) -> tuple[str | None, dict[str, Any]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _fields_of_python(text)  # a Python literal dictionary looks alike
    assert isinstance(value, dict)
    return None, value


def _fields_of_python(text: str) -> tuple[str | None, dict[str, Any]]:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        where = f"line {error.lineno}, column {error.offset}" if error.lineno else "somewhere"
        raise GenotypeError(f"not a genotype: {error.msg} ({where})") from None
    except (ValueError, RecursionError, MemoryError):
        raise GenotypeError("not a genotype: the text cannot be parsed") from None
    found: list[tuple[str | None, ast.expr]] = []
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_genotype(value):
                found.append((name, value))
            case ast.Expr(value=value) if _is_genotype(value):
                found.append((None, value))
    if not found:
        raise GenotypeError(
            "not a genotype: expected Genotype(normal=[…], normal_concat=…, reduce=[…], "
            f"reduce_concat=…), got {_short(text)}"
        )
    if len(found) > 1:
        names = ", ".join(name or "(unnamed)" for name, _ in found)
        raise GenotypeError(f"the text holds {len(found)} genotypes ({names}); give one of them")
    [(label, node)] = found
    return label, _fields_of_node(node)


def _is_genotype(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="Genotype") | ast.Attribute(attr="Genotype")):
            return True
        case ast.Dict():
            return True
    return False


def _fields_of_node(node: ast.expr) -> dict[str, Any]:
    if isinstance(node, ast.Dict):
        value = _literal(node)
        assert isinstance(value, dict)
        return value
    assert isinstance(node, ast.Call)
    if len(node.args) > len(FIELDS):
        raise GenotypeError(f"Genotype takes {len(FIELDS)} arguments, not {len(node.args)}")
    fields = {name: _literal(argument) for name, argument in zip(FIELDS, node.args, strict=False)}
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg in fields:
            raise GenotypeError(f"Genotype: argument {keyword.arg or '**'} is repeated or unnamed")
        fields[keyword.arg] = _literal(keyword.value)
    return fields


def _literal(node: ast.expr) -> Any:
    """The value of a literal: numbers, strings, lists, tuples, dictionaries and ``range``."""
    match node:
        case ast.Constant(value=str() | int() | None as value):
            return value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_literal(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {_key(key): _literal(value) for key, value in pairs}
        case ast.Call(func=ast.Name(id="range"), args=args, keywords=[]) if 1 <= len(args) <= 3:
            bounds = [_literal(argument) for argument in args]
            if not all(_is_index(bound) and abs(bound) <= MAX_NODES for bound in bounds):
                raise GenotypeError(f"range of {_short(bounds)} is not a range of nodes")
            if len(bounds) == 3 and bounds[2] == 0:
                raise GenotypeError("range with a step of 0")
            return list(range(*bounds))
        case ast.Call(func=ast.Name(id="list" | "tuple"), args=[argument], keywords=[]):
            value = _literal(argument)
            if isinstance(value, list):
                return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
    line = getattr(node, "lineno", "?")
    raise GenotypeError(
        f"line {line}: a genotype holds names, numbers, lists and ranges only, not "
        f"{type(node).__name__}"
    )


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise GenotypeError("a genotype's dictionary has text keys only")


def format_text(genotype: Genotype) -> str:
    """The exchange format, ``Genotype(normal=[…], normal_concat=[…], …)``; `parse` reads it back.

    Raises:
        GenotypeError: a node has other than two edges, which the format cannot hold.
    """
    for what, cell in (("normal", genotype.normal), ("reduce", genotype.reduce)):
        if any(len(node) != 2 for node in cell.nodes):
            raise GenotypeError(f"{what} cell: this format holds two edges a node only")
    fields = to_dict(genotype)
    parts = []
    for name in FIELDS:
        value = fields[name]
        if name.endswith("concat"):
            parts.append(f"{name}={value}")
        else:
            pairs = ", ".join(f"({operation!r}, {source})" for operation, source in value)
            parts.append(f"{name}=[{pairs}]")
    return f"Genotype({', '.join(parts)})"


def format_json(genotype: Genotype, *, indent: int | None = None) -> str:
    """The genotype as a JSON object with its four fields, and its name if it has one."""
    named: dict[str, Any] = {"name": genotype.name} if genotype.name else {}
    return json.dumps(named | to_dict(genotype), indent=indent, ensure_ascii=False)


def read(path: str | Path) -> Genotype:
    """Read a genotype from a file; a file without a name for it lends its own.

    Raises:
        GenotypeError: the file cannot be read or holds no genotype.
    """
    path = Path(path)
    try:
        if path.stat().st_size > 4 * MAX_TEXT:
            raise GenotypeError(f"{path}: too large for a genotype")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise GenotypeError(f"{path}: {reason}") from None
    try:
        genotype = parse(text)
    except GenotypeError as error:
        raise GenotypeError(f"{path}: {error}") from None
    return genotype if genotype.name else genotype.named(path.stem)
