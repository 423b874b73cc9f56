"""Where the pages' templates come from, and how they are filled in: names are always escaped."""

from __future__ import annotations

from importlib import resources

import jinja2


def template_text(name: str) -> str:
    """A file among the templates."""
    return (
        resources.files("nascope._src.report.html").joinpath("templates", name).read_text("utf-8")
    )


def new_environment() -> jinja2.Environment:
    """An environment of its own for one kind of page."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(template_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
