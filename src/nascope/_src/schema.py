"""Settings, declared once: the type, bounds, default and meaning of each field of a dataclass.

    @document
    @dataclass(frozen=True, kw_only=True)
    class Circle:
        \"\"\"A circle on the screen.\"\"\"

        radius: Annotated[float, Gt(0), "Radius in pixels."] = 1.0

        def __post_init__(self) -> None:
            check(self, "circle")

The rest follows from the declaration: `check` refuses other values, the study file gets a key
(study/study_file.py), and a command gets an option (cli/derived.py). This module loads neither
NumPy nor pydantic.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import math
import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

from nascope._src.errors import SettingError

Settings = TypeVar("Settings")
Limit = Ge | Gt | Le | Lt

_NOUNS = {int: "an integer", float: "a number", str: "text", bool: "true or false"}
_TYPES: dict[type, type] = {int: numbers.Integral, float: numbers.Real, str: str, bool: bool}


@dataclass(frozen=True)
class Declaration:
    """The declaration of one setting.

    Attributes:
        name: the field's name.
        annotation: the field's annotation.
        kind: its type without None and words.
        optional: whether it may be None.
        choices: the values that it can take, if they are listed.
        words: texts that it also accepts, such as "auto" in place of a number.
        bounds: limits of a number.
        default: its default; `dataclasses.MISSING` if it must be given.
        help: what it means, in a line.
    """

    name: str
    annotation: Any
    kind: Any
    optional: bool
    choices: tuple[Any, ...]
    words: tuple[str, ...]
    bounds: tuple[Limit, ...]
    default: Any
    help: str

    @property
    def expected(self) -> str:
        """The values that the setting accepts, in words.

        >>> from nascope._src.training.recipe import Recipe
        >>> declarations(Recipe)["momentum"].expected
        'a number of at least 0 and below 1'
        """
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        expected = _NOUNS.get(self.kind, "another value")
        match self.bounds:
            case ():
                pass
            case (Ge(low), Le(high)):
                expected += f" from {low:g} to {high:g}"
            case bounds:
                expected += f" {' and '.join(_limit(bound) for bound in bounds)}"
        return " or ".join([expected, *self.words])

    def accepts(self, value: Any) -> bool:
        """Whether the setting can have this value. An integer is also a number."""
        if value is None:
            return self.optional
        if isinstance(value, str) and value in self.words:
            return True
        if self.choices:
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        if self.kind not in _TYPES:
            return True
        if isinstance(value, bool) != (self.kind is bool) or not isinstance(
            value, _TYPES[self.kind]
        ):
            return False
        finite = self.kind is not float or math.isfinite(value)  # type: ignore[arg-type]
        return finite and all(_holds(bound, value) for bound in self.bounds)

    def require(self, value: Any, key: str) -> None:
        """Check a value.

        Args:
            value: the value.
            key: the setting's name in the message, such as "landscape.points".

        Raises:
            SettingError: the setting cannot have this value.
        """
        if not self.accepts(value):
            raise SettingError(key, f"expected {self.expected}, got {value!r:.60}")

    def convert(self, value: Any) -> Any:
        """Return a value that the setting accepts; an integer becomes a float if need be."""
        return float(value) if self.kind is float and isinstance(value, numbers.Real) else value


def _limit(bound: Limit) -> str:
    match bound:
        case Ge(ge):
            return f"of at least {ge:g}"
        case Gt(gt):
            return f"above {gt:g}"
        case Le(le):
            return f"at most {le:g}"
        case Lt(lt):
            return f"below {lt:g}"


def _holds(bound: Limit, value: Any) -> bool:
    match bound:
        case Ge(ge):
            return bool(value >= ge)
        case Gt(gt):
            return bool(value > gt)
        case Le(le):
            return bool(value <= le)
        case Lt(lt):
            return bool(value < lt)


_known: dict[type, Mapping[str, Declaration]] = {}


def declarations(settings: type) -> Mapping[str, Declaration]:
    """Return the declarations of a settings class by name, in order."""
    if settings not in _known:
        hints = get_type_hints(settings, include_extras=True)
        _known[settings] = {
            field.name: _declaration(field.name, hints[field.name], field.default)
            for field in dataclasses.fields(settings)
        }
    return _known[settings]


def _declaration(name: str, annotation: Any, default: Any) -> Declaration:
    kind: Any
    metadata: list[Any]
    kind, *metadata = get_args(annotation) if get_origin(annotation) is Annotated else [annotation]
    members = get_args(kind) if get_origin(kind) in {Union, UnionType} else (kind,)
    types = [member for member in members if member is not NoneType]
    words: tuple[str, ...] = ()
    if len(types) > 1:  # a type, or words in its place
        words = tuple(word for t in types if get_origin(t) is Literal for word in get_args(t))
        types = [t for t in types if get_origin(t) is not Literal]
    (kind,) = types
    return Declaration(
        name=name,
        annotation=annotation,
        kind=kind,
        optional=NoneType in members,
        choices=get_args(kind) if get_origin(kind) is Literal else (),
        words=words,
        bounds=tuple(item for item in metadata if isinstance(item, Limit)),
        default=default,
        help=next((item for item in metadata if isinstance(item, str)), ""),
    )


def check(settings: Any, section: str) -> None:
    """Check every field of a settings object.

    Args:
        settings: an instance of a settings class.
        section: put before the name of a field in messages.

    Raises:
        SettingError: a field has a value that it cannot have.
    """
    for name, declaration in declarations(type(settings)).items():
        declaration.require(getattr(settings, name), f"{section}.{name}")


def replaced(settings: Settings, values: Mapping[str, Any], *, where: str) -> Settings:
    """Return settings with some fields replaced by values that a user wrote.

    Args:
        settings: an instance of a settings class.
        values: new values by field; an integer is converted where a number is expected.
        where: put before the name of a field in messages, such as "training.overrides.".

    Raises:
        SettingError: a field is unknown, or cannot have the value.
    """
    known = declarations(type(settings))
    changes = {}
    for name, value in values.items():
        if name not in known:
            raise SettingError(f"{where}{name}", f"unknown key{suggestion(name, known)}")
        known[name].require(value, f"{where}{name}")
        changes[name] = known[name].convert(value)
    return dataclasses.replace(settings, **changes)  # type: ignore[type-var]


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(names)}"


def document(settings: type[Settings]) -> type[Settings]:
    """Add the fields of a settings class to its docstring, under "Args:"."""
    lines = [inspect.cleandoc(settings.__doc__ or ""), "", "Args:"]
    lines += [f"    {name}: {item.help}" for name, item in declarations(settings).items()]
    settings.__doc__ = "\n".join(lines)
    return settings
