"""What a command writes besides its text: JSON, and drawings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nascope._src.errors import GenotypeError


def print_json(value: Any) -> None:
    """Print a value as one line of JSON. Non-finite numbers become null, which JSON lacks."""
    from nascope._src.records.files import plain

    print(json.dumps(_finite(plain(value)), ensure_ascii=False))


def _finite(value: Any) -> Any:
    match value:
        case {"$number": _}:
            return None
        case dict():
            return {key: _finite(inner) for key, inner in value.items()}
        case list():
            return [_finite(inner) for inner in value]
    return value


def write_svg(path: Path, drawing: str) -> None:
    """Write a drawing.

    Raises:
        GenotypeError: the file cannot be written.
    """
    try:
        path.write_text(drawing + "\n", encoding="utf-8")
    except OSError as error:
        raise GenotypeError(f"{path}: {error.strerror}, so the drawing was not written") from None
