"""The application and its commands, as typer classes with plain help and errors of one style.

Usage lines and lists of arguments show names only ("CELL", "[TEXT]", "FILE..."), without Python
types.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from nascope._src.errors import NascopeError, StudyError

_WRITTEN = ("output", "svg", "plot", "picture", "figures")  # options that name what to write


_UsageError: Any = typer.BadParameter.__base__  # which typer does not export
_SHOWS_HELP = "NoArgsIsHelpError"


@contextmanager
def _one_style() -> Iterator[None]:
    """Raise typer's complaint about the words of a command as ours.

    Raises:
        NascopeError: a word is wrong; the message names the help that lists the right ones.
    """
    try:
        yield
    except _UsageError as error:
        if type(error).__name__ == _SHOWS_HELP:
            raise
        message = error.format_message().strip().rstrip(".")
        where = f"; see {error.ctx.command_path} -h" if error.ctx is not None else ""
        raise NascopeError(message[:1].lower() + message[1:] + where) from None


class Group(TyperGroup):
    """A group of commands."""

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Parse the words before the name of a command."""
        with _one_style():
            return super().make_context(*args, **settings)

    def resolve_command(self, *args: Any) -> Any:
        """Find a command by its name."""
        with _one_style():
            return super().resolve_command(*args)


class Command(TyperCommand):
    """A command with plain help."""

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Parse the command's words."""
        with _one_style():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, unless it would write over a file that it reads.

        Raises:
            StudyError: An output is one of the inputs.
        """
        read = [p for p in self.get_params(ctx) if p.param_type_name == "argument"]
        files = [path for p in read for path in _files(ctx.params.get(p.name))]
        for name in _WRITTEN:
            for path in _files(ctx.params.get(name)):
                if any(os.path.samefile(path, other) for other in files):
                    raise StudyError(
                        f"--{name} {path} would write over an input: choose another name"
                    )
        return super().invoke(ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line after the command's name."""
        arguments = [p for p in self.get_params(ctx) if p.param_type_name == "argument"]
        return ["[OPTIONS]", *map(_usage_name, arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the lists of arguments and options."""
        arguments, options = [], []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and parameter.param_type_name == "argument":
                arguments.append((_usage_name(parameter), record[1]))
            elif record is not None:
                options.append(record)
        for title, records in (("Arguments", arguments), ("Options", options)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def _files(value: Any) -> Iterator[str]:
    """Yield the existing files that the value of a parameter names."""
    for each in value if isinstance(value, list | tuple) else (value,):
        if isinstance(each, str | os.PathLike):
            path = os.fspath(each)
            try:
                if os.path.isfile(path):
                    yield path
            except ValueError:  # a null character
                continue


def _usage_name(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return (name if argument.required else f"[{name}]") + ("..." if argument.nargs != 1 else "")


class App(typer.Typer):
    """A group of such commands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            cls=Group,
            no_args_is_help=True,
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["-h", "--help"]},
            rich_markup_mode=None,
            **settings,
        )

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """Add a command."""
        return super().command(name, cls=Command, **settings)
