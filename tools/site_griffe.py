"""A Griffe extension: docstrings and signatures as Python shows them, and doctests as code.

Griffe reads the source and does not run it. A function decorated with `takes_settings` gets its
last arguments, and their descriptions, when it is defined. A doctest here needs no heading; without
one, Griffe takes it for text.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from typing import Any

import griffe

_DOCTEST = re.compile(r"\n\n(>>> .*?)(?=\n\n(?!>>> )|\Z)", re.DOTALL)


class AsPythonShows(griffe.Extension):
    """Complete what Griffe reads from the source."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Give doctests a heading, and functions the settings that their decorator adds."""
        if isinstance(obj, griffe.Function) and any(
            "takes_settings" in str(decorator.value) for decorator in obj.decorators
        ):
            add_settings(obj)
        if obj.docstring is not None:
            obj.docstring.value = with_headings(obj.docstring.value)


def add_settings(function: griffe.Function) -> None:
    """Replace ``**settings`` by the settings, in the signature and in the docstring."""
    made = getattr(importlib.import_module(function.module.canonical_path), function.name)
    if function.docstring is not None:
        function.docstring.value = inspect.getdoc(made) or ""
    written = {parameter.name: parameter for parameter in function.parameters}
    function.parameters = griffe.Parameters(
        *(
            written.get(name)
            or griffe.Parameter(
                name,
                kind=griffe.ParameterKind.keyword_only,
                default=repr(parameter.default),
                annotation=inspect.formatannotation(parameter.annotation).replace("typing.", ""),
            )
            for name, parameter in inspect.signature(made).parameters.items()
        )
    )


def with_headings(docstring: str) -> str:
    """Return a docstring with a heading before each doctest.

    >>> with_headings("Add.\\n\\n>>> 1 + 1\\n2")
    'Add.\\n\\nExamples:\\n    >>> 1 + 1\\n    2'
    """
    return _DOCTEST.sub(
        lambda doctest: "\n\nExamples:\n" + textwrap.indent(doctest[1], "    "), docstring
    )
