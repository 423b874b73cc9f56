"""Options of a command that are derived from a settings class."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Collection, Iterator
from typing import Annotated, Any

import typer
from annotated_types import Ge, Le

from nascope._src.errors import SettingError, StudyError
from nascope._src.schema import Declaration, declarations

Command = Callable[..., Any]
_METAVARS = {int: "N", float: "X", str: "TEXT"}
_METAVARS_BY_NAME = {"at": "MOMENT", "device": "NAME", "address": "HOST:PORT", "seed": "S"}


def with_settings(
    settings: type,
    *,
    only: Collection[str] | None = None,
    without: Collection[str] = (),
    unset: Collection[str] = (),
    into: str = "given",
) -> Callable[[Command], Command]:
    """Give a command an option for each field of a settings class.

    Args:
        settings: the class that declares the fields.
        only: the fields with an option; all by default.
        without: fields without an option.
        unset: fields whose option has no default: they have a value only if the user gives one.
        into: the command's parameter that takes the values, a dict by field. The options are at
            its place among the command's own.
    """
    fields = {
        name: item
        for name, item in declarations(settings).items()
        if name not in without and (only is None or name in only)
    }

    def decorate(command: Command) -> Command:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            if parameter.name == into:
                parameters += [_parameter(item, unset) for item in fields.values()]
            else:
                parameters.append(parameter)

        signature = inspect.Signature(parameters)

        @functools.wraps(command)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            values = {name: bound.arguments.pop(name) for name in fields}
            values = {k: v for k, v in values.items() if v is not None or k not in unset}
            return command(*bound.args, **bound.kwargs, **{into: values})

        wrapper.__signature__ = signature  # type: ignore[attr-defined]
        wrapper.__annotations__ = {item.name: item.annotation for item in parameters}
        return wrapper

    return decorate


def _parameter(item: Declaration, unset: Collection[str]) -> inspect.Parameter:
    low: Any = None
    high: Any = None  # of integers; typer cannot express all bounds of numbers
    if item.kind is int:
        low = next((bound.ge for bound in item.bounds if isinstance(bound, Ge)), None)
        high = next((bound.le for bound in item.bounds if isinstance(bound, Le)), None)
    option = typer.Option(
        f"--{item.name.replace('_', '-')}" + ("/--no-" + item.name if item.kind is bool else ""),
        metavar=None if item.choices else _metavar(item),
        min=low,
        max=high,
        parser=_parser(item) if item.words else None,
        help=item.help,
    )
    optional = item.optional or item.name in unset
    return inspect.Parameter(
        item.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None if item.name in unset else item.default,
        annotation=Annotated[item.kind | None if optional else item.kind, option],
    )


def _metavar(item: Declaration) -> str | None:
    metavar = _METAVARS_BY_NAME.get(item.name, _METAVARS.get(item.kind))
    return "|".join([metavar, *item.words]) if metavar else None


def _parser(item: Declaration) -> Callable[[str], Any]:
    """Return a function that reads one of the words, or a value of the setting's type."""

    def parse(text: str) -> Any:
        if text in item.words:
            return text
        try:
            return item.kind(text)
        except ValueError:
            raise typer.BadParameter(f"expected {item.expected}, got {text!r:.60}") from None

    return parse


@contextlib.contextmanager
def naming_options() -> Iterator[None]:
    """Name the option in an error about a setting.

    Raises:
        StudyError: in place of a `SettingError`.
    """
    try:
        yield
    except SettingError as error:
        option = error.key.rpartition(".")[2].replace("_", "-")
        raise StudyError(f"--{option}: {error.problem}") from None
