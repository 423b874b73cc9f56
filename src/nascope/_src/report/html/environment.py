"""The templates of the pages, and how they are filled in: every text is escaped."""

from __future__ import annotations

from importlib import resources

import jinja2


def template_text(name: str) -> str:
    """Return the text of a template."""
    folder = resources.files("nascope._src.report.html") / "templates"
    return (folder / name).read_text("utf-8")


def new_environment() -> jinja2.Environment:
    """Return an environment for one kind of page."""
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(template_text),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
