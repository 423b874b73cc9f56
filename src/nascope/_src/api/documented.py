"""Keyword arguments of a function that are declared by a settings class."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from nascope._src import schema

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "{settings}"


def takes_settings(
    settings: type, *, without: Collection[str] = (), unset: bool = False
) -> Callable[[Function], Function]:
    """Show a settings class in the signature and docstring of a function.

    The function takes the fields as ``**settings``. Its docstring has ``{settings}`` where their
    descriptions belong.

    Args:
        settings: The class that declares the fields.
        without: Fields that the function does not take.
        unset: Show None as every default, since the defaults depend on other arguments.
    """
    fields = [d for name, d in schema.declarations(settings).items() if name not in without]

    def decorate(function: Function) -> Function:
        parameters = []
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                parameters += [
                    inspect.Parameter(
                        field.name,
                        inspect.Parameter.KEYWORD_ONLY,
                        default=None if unset else field.default,
                        annotation=field.kind | None if unset or field.optional else field.kind,
                    )
                    for field in fields
                ]
            else:
                parameters.append(parameter)
        function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        lines = [_described(declaration) for declaration in fields]
        doc = inspect.cleandoc(function.__doc__ or "")
        function.__doc__ = doc.replace(_MARK, "\n".join(lines))
        return function

    return decorate


def _described(declaration: schema.Declaration) -> str:
    return textwrap.fill(
        f"{declaration.name}: {declaration.help}",
        100,
        initial_indent="    ",
        subsequent_indent="        ",
    )
