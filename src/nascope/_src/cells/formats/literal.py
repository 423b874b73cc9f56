"""Turn text into plain values: numbers, strings, lists and dictionaries, from JSON or Python.

Nothing is evaluated: Python source is parsed into its syntax tree, and only literals are read.
Limits on length and nesting keep hostile text from taking much time or memory.
"""

from __future__ import annotations

import ast
import json
import re
import textwrap
import warnings
from typing import Any, NamedTuple

from nascope._src.cells.checks import is_index, short
from nascope._src.cells.genotype import MAX_NODES
from nascope._src.errors import GenotypeError

MAX_TEXT = 200_000  # characters; the longest file of published genotypes has about 60,000
_MAX_NESTING = 30  # brackets; a genotype needs 5, and Python's own parser overflows near 100
_MAX_DIGITS = 18  # of a number; Python refuses to convert more than 4300


class Call(NamedTuple):
    """A call in the source, ``Genotype(…)`` or ``ModelSpec(…)``: its name and arguments."""

    name: str
    args: tuple[ast.expr, ...]
    keywords: tuple[ast.keyword, ...]


def cleaned(text: str) -> str:
    """Strip surrounding space, indentation and a byte-order mark; check length and nesting.

    Raises:
        GenotypeError: The text is empty, too long, binary, or nested too deeply.
    """
    text = text.lstrip("\ufeff")
    if len(text) <= MAX_TEXT:
        text = textwrap.dedent(text).strip()
    if not text:
        raise GenotypeError("expected a genotype, but got empty text")
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
    """Return the value of a JSON text; raise ValueError if it is not JSON."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def statements(text: str) -> list[tuple[str | None, ast.expr]]:
    """Return the module-level assignments and expressions of Python source, in order.

    Raises:
        GenotypeError: The text is not Python source.
    """
    try:
        with warnings.catch_warnings():  # such as an invalid escape in a string
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        where = f"line {error.lineno}, column {error.offset}" if error.lineno else "somewhere"
        raise GenotypeError(f"not a genotype: {error.msg} ({where})") from None
    except (ValueError, RecursionError, MemoryError):
        raise GenotypeError("not a genotype: the text cannot be parsed") from None
    statements: list[tuple[str | None, ast.expr]] = []
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[*targets], value=value):
                statements += [(t.id, value) for t in targets if isinstance(t, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                statements.append((name, value))
            case ast.Expr(value=value):
                statements.append((None, value))
    return statements


def call(node: ast.expr) -> Call | None:
    """Return the call at a node, if it calls a plain name or an attribute."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
            return Call(name, tuple(args), tuple(node.keywords))
    return None


def arguments(called: Call, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of a call's arguments, by the names of its parameters."""
    if len(called.args) > len(names):
        raise GenotypeError(f"{called.name} takes {len(names)} arguments, not {len(called.args)}")
    fields = {name: literal_value(node) for name, node in zip(names, called.args, strict=False)}
    for keyword in called.keywords:
        if keyword.arg is None or keyword.arg in fields:
            raise GenotypeError(
                f"{called.name}: argument {keyword.arg or '**'} repeats or has no name"
            )
        fields[keyword.arg] = literal_value(keyword.value)
    return fields


def literal_value(node: ast.expr) -> Any:
    """Return the value of a literal: number, string, list, tuple, dictionary or ``range``."""
    match node:
        case ast.Constant(value=str() | float() | None as value):
            return value
        case ast.Constant(value=int() as value) if abs(value) < 10**_MAX_DIGITS:
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [literal_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {_key(key): literal_value(value) for key, value in pairs}
    return _sequence(node)


def _sequence(node: ast.expr) -> list[Any]:
    """Return the value of ``range(…)``, ``list(…)`` or ``np.array(…)``."""
    match node:
        case ast.Call(func=ast.Name(id="range"), args=args, keywords=[]) if 1 <= len(args) <= 3:
            return _range([literal_value(argument) for argument in args])
        case (
            ast.Call(func=ast.Name(id="list" | "tuple"), args=[argument], keywords=[])
            | ast.Call(func=ast.Attribute(attr="array"), args=[argument, *_])
        ):
            value = literal_value(argument)
            if isinstance(value, list):
                return value
    line = getattr(node, "lineno", "?")
    raise GenotypeError(
        f"line {line}: expected names, numbers, lists and ranges only, not {type(node).__name__}"
    )


def _range(bounds: list[Any]) -> list[int]:
    if not all(is_index(bound) and abs(bound) <= MAX_NODES for bound in bounds):
        raise GenotypeError(f"expected a range of nodes, not a range of {short(bounds)}")
    if len(bounds) == 3 and bounds[2] == 0:
        raise GenotypeError("expected a range of nodes, not a range with a step of 0")
    return list(range(*bounds))


def _key(node: ast.expr | None) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    raise GenotypeError("the keys of a genotype's dictionary must be text")
