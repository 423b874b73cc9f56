"""Commands over the cells layer: none of them loads torch unless asked for parameters."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add this layer's commands."""
