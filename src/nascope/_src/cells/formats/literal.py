"""Text to plain values: numbers, strings, lists and dictionaries, from JSON or Python source.

Nothing is ever evaluated: Python source is parsed to its syntax tree, from which literals are read
off. Limits on length and nesting keep hostile text from costing time or memory.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
import warnings
from typing import Any, NamedTuple

from nascope._src.cells.entries import MAX_NODES, is_index, short
from nascope._src.errors import GenotypeError

MAX_TEXT = 200_000  # characters; the longest file of published genotypes has some 60,000
_MAX_NESTING = 30  # brackets; a genotype needs 5, and Python's own parser overflows near 100
_MAX_DIGITS = 18  # of a number; Python itself refuses to convert beyond 4300


class Call(NamedTuple):
    """A call in the source, ``Genotype(…)`` or ``ModelSpec(…)``: its name and arguments."""

    name: str
    args: tuple[ast.expr, ...]
    keywords: tuple[ast.keyword, ...]


def checked(text: str) -> str:
    """The text without surrounding space, indentation and byte-order mark, or an error."""
    text = text.lstrip("\ufeff")
    if len(text) <= MAX_TEXT:
        text = textwrap.dedent(text).strip()
    if not text:
        raise GenotypeError("empty text where a genotype was expected")
    if len(text) > MAX_TEXT:
        raise GenotypeError(f"too long for a genotype: more than {MAX_TEXT:,} characters")
    if "\0" in text:
        raise GenotypeError("not a genotype: the text holds binary data")
    if _nesting(text) > _MAX_NESTING:
        raise GenotypeError("not a genotype: brackets are nested too deeply")
    return text


def _nesting(text: str) -> int:
    depth = deepest = 0
    for bracket in re.findall(r"[\[\](){}]", text):
        depth += 1 if bracket in "[({" else -1
        deepest = max(deepest, depth)
    return deepest


def from_json(text: str) -> Any:
    """The value of a JSON text; raises ValueError where it is none."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def statements(text: str) -> list[tuple[str | None, ast.expr]]:
    """The module-level assignments and expressions of Python source, in order.

    Raises:
        GenotypeError: it is not Python source.
    """
    try:
        with warnings.catch_warnings():  # an invalid escape in someone's string is not our matter
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        where = f"line {error.lineno}, column {error.offset}" if error.lineno else "somewhere"
        raise GenotypeError(f"not a genotype: {error.msg} ({where})") from None
    except (ValueError, RecursionError, MemoryError):
        raise GenotypeError("not a genotype: the text cannot be parsed") from None
    found: list[tuple[str | None, ast.expr]] = []
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[*targets], value=value):
                found += [(t.id, value) for t in targets if isinstance(t, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found.append((name, value))
            case ast.Expr(value=value):
                found.append((None, value))
    return found


def call(node: ast.expr) -> Call | None:
    """The call that a node is, if it is one by a plain name or an attribute."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
            return Call(name, tuple(args), tuple(node.keywords))
    return None


def arguments(made: Call, names: tuple[str, ...]) -> dict[str, Any]:
    """The values of a call's arguments, by the names of its parameters."""
    if len(made.args) > len(names):
        raise GenotypeError(f"{made.name} takes {len(names)} arguments, not {len(made.args)}")
    fields = {name: literal(node) for name, node in zip(names, made.args, strict=False)}
    for keyword in made.keywords:
        if keyword.arg is None or keyword.arg in fields:
            raise GenotypeError(
                f"{made.name}: argument {keyword.arg or '**'} repeats or has no name"
            )
        fields[keyword.arg] = literal(keyword.value)
    return fields


def literal(node: ast.expr) -> Any:
    """The value of a literal: numbers, strings, lists, tuples, dictionaries and ``range``."""
    match node:
        case ast.Constant(value=str() | float() | None as value):
            return value
        case ast.Constant(value=int() as value) if abs(value) < 10**_MAX_DIGITS:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [literal(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {_key(key): literal(value) for key, value in pairs}
    return _sequence(node)


def _sequence(node: ast.expr) -> list[Any]:
    """The value of ``range(…)``, ``list(…)``, or ``np.array(…)``: how lists are often written."""
    match node:
        case ast.Call(func=ast.Name(id="range"), args=args, keywords=[]) if 1 <= len(args) <= 3:
            return _range([literal(argument) for argument in args])
        case (
            ast.Call(func=ast.Name(id="list" | "tuple"), args=[argument], keywords=[])
            | ast.Call(func=ast.Attribute(attr="array"), args=[argument, *_])
        ):
            value = literal(argument)
            if isinstance(value, list):
                return value
    line = getattr(node, "lineno", "?")
    raise GenotypeError(
        f"line {line}: a genotype holds names, numbers, lists and ranges only, not "
        f"{type(node).__name__}"
    )


def _range(bounds: list[Any]) -> list[int]:
    if not all(is_index(bound) and abs(bound) <= MAX_NODES for bound in bounds):
        raise GenotypeError(f"range of {short(bounds)} is not a range of nodes")
    if len(bounds) == 3 and bounds[2] == 0:
        raise GenotypeError("range with a step of 0")
    return list(range(*bounds))


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise GenotypeError("a genotype's dictionary has text keys only")
