"""Turn text into plain values: numbers, strings, lists and dictionaries, from JSON or Python.

Nothing is evaluated: Python source is parsed into its syntax tree, and only literals are read, and
the calls that tools print around them, such as ``np.int64(3)`` and ``array([[0, 1]], dtype=int8)``.
Limits on length and nesting keep hostile text from taking much time or memory.
"""

from __future__ import annotations

import ast
import json
import math
import re
import textwrap
import warnings
from typing import Any, NamedTuple, NoReturn

from nascope._src.cells.checks import is_index, short
from nascope._src.cells.genotype import FIELDS, MAX_NODES
from nascope._src.errors import GenotypeError

MAX_TEXT = 200_000  # characters; the longest file of published genotypes has about 60,000
_MAX_NESTING = 30  # brackets; a genotype needs 5, and Python's own parser overflows near 100
_MAX_DIGITS = 18  # of a number; Python refuses to convert more than 4300

# What Python, NumPy and torch print around a value, and NumPy's names for some.
_SCALARS = re.compile(r"u?int(\d+|p|c)?|float(\d+|_)?|double|half|single|longlong|bool_?|str_?")
_SEQUENCES = {"list", "tuple", "set", "frozenset", "deque"}
_ARRAYS = {"array", "asarray", "tensor", "Tensor"}
_MAPPINGS = {"dict", "OrderedDict"}
_NAMES = {"nan": math.nan, "inf": math.inf, "True_": True, "False_": False}


_CONSTRUCTORS = {
    "Genotype": ("darts", FIELDS),
    "ModelSpec": ("nas-bench-101", ("matrix", "ops")),
}  # the calls that make a genotype: its format, and the names of the arguments


class Written(dict[str, Any]):
    """The arguments of ``Genotype(…)`` or ``ModelSpec(…)`` by name, and the format ``form``."""

    form: str


class Call(NamedTuple):
    """A call in the source: its name and arguments."""

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
                statements += [(name, value) for t in targets if (name := _target(t))]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                statements.append((name, value))
            case ast.Expr(value=value):
                statements.append((None, value))
    return statements


def expression(text: str) -> ast.expr:
    """Return the syntax tree of one expression.

    Raises:
        GenotypeError: The text is something else.
    """
    match statements(text):
        case [(None, node)]:
            return node
    raise GenotypeError("not a genotype: expected one expression")


def holds_genotype(node: ast.expr) -> bool:
    """Return whether ``Genotype(…)`` or ``ModelSpec(…)`` is called somewhere in an expression."""
    calls = (called for each in ast.walk(node) if (called := call(each)))
    return any(called.name in _CONSTRUCTORS for called in calls)


def _target(node: ast.expr) -> str | None:
    """Return the name that an assignment gives: of a variable, an attribute or a key."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() | int() as value)):
            return str(value)
    return None


def printed_numbers(text: str) -> list[Any] | None:
    """Return the numbers of a text that has nothing else, or None.

    In brackets without commas, as NumPy prints arrays, each pair of brackets is a list.

    >>> printed_numbers("0 1, 2"), printed_numbers("[0 1]\\n[2]"), printed_numbers("[0, 1]")
    ([0, 1, 2], [[0, 1], [2]], None)
    """
    if re.fullmatch(r"[0-9\s,]+", text):
        return _numbers(text)
    if re.fullmatch(r"(\[[0-9\s]+\][\s,]*)+", text):
        rows = [_numbers(row) for row in re.findall(r"\[([^]]*)\]", text)]
        return rows if len(rows) > 1 else rows[0]
    return None


def _numbers(text: str) -> list[Any]:
    return [int(number[:9]) for number in text.replace(",", " ").split()]


def call(node: ast.AST) -> Call | None:
    """Return the call at a node, if it calls a plain name or an attribute."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
            return Call(name, tuple(args), tuple(node.keywords))
    return None


def _written(called: Call) -> Written:
    form, names = _CONSTRUCTORS[called.name]
    if len(called.args) > len(names):
        raise GenotypeError(f"{called.name} takes {len(names)} arguments, not {len(called.args)}")
    fields = {name: literal_value(node) for name, node in zip(names, called.args, strict=False)}
    for keyword in called.keywords:
        if keyword.arg is None or keyword.arg in fields:
            raise GenotypeError(
                f"{called.name}: argument {keyword.arg or '**'} repeats or has no name"
            )
        fields[keyword.arg] = literal_value(keyword.value)
    written = Written(fields)
    written.form = form
    return written


def literal_value(node: ast.expr) -> Any:
    """Return the value of a literal: number, string, list, tuple, dictionary or ``range``."""
    match node:
        case ast.Constant(value=str() | float() | int() | None as value) if not _is_long(value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [literal_value(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {_key(key): literal_value(value) for key, value in pairs}
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in _NAMES:
            return _NAMES[name]
    called = call(node)
    return _refuse(node) if called is None else _called_value(node, called)


def _is_long(value: object) -> bool:
    return isinstance(value, int) and abs(value) >= 10**_MAX_DIGITS


def _called_value(node: ast.expr, called: Call) -> Any:
    """Return the value of ``Genotype(…)``, ``range(…)``, ``np.array(…)``, ``np.int64(…)`` …"""
    name, args = called.name, called.args
    if name in _CONSTRUCTORS:
        return _written(called)
    if name == "range" and 1 <= len(args) <= 3 and not called.keywords:
        return _range([literal_value(argument) for argument in args])
    if name in _MAPPINGS and not args:
        return {keyword.arg: literal_value(keyword.value) for keyword in called.keywords}
    wrapped = _wrapped_by(name)
    if args and wrapped:  # further arguments, such as a dtype, are left out
        value = literal_value(args[0])
        if name in _MAPPINGS and isinstance(value, list) and all(map(_is_item, value)):
            value = dict(value)
        if isinstance(value, wrapped):
            return value
    return _refuse(node)


def _wrapped_by(name: str) -> tuple[type, ...]:
    """Return what a call of this name can have around it, as tools print it."""
    if name in _MAPPINGS:
        return (dict,)
    if name in _SEQUENCES:
        return (list,)
    if name in _ARRAYS:
        return (list, int, float)
    return (str, int, float) if _SCALARS.fullmatch(name) else ()


def _is_item(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _refuse(node: ast.expr) -> NoReturn:
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
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
        return str(node.value)
    raise GenotypeError("the keys of a genotype's dictionary must be text")
