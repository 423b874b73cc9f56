"""Writes a study file to start from: a copy of template.toml, which explains every section."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nascope._src.errors import StudyError
from nascope._src.records.files import why_unwritable
from nascope._src.records.paths import slug


def write_template(path: Path) -> None:
    """Write a study file that runs as it is.

    Raises:
        StudyError: the file exists already, or cannot be written.
    """
    template = resources.files("nascope._src.study") / "template.toml"
    text = template.read_text(encoding="utf-8")
    for before, after in (
        ("study.toml", str(path)),
        ("runs/study", str(Path("runs") / path.stem)),
        ('name = "study"', f'name = "{slug(path.stem)}"'),
    ):
        text = text.replace(before, after)
    content = text.encode("utf-8")  # before the file exists: a name may hold other bytes
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise StudyError(f"{path} exists already: choose another name") from None
    except OSError as error:
        raise StudyError(f"cannot write {path}: {why_unwritable(error)}") from None
