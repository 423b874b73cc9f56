"""Runs the code of pages and notebooks, and writes what it prints and draws into them.

    python tools/executed_pages.py            # write what differs
    python tools/executed_pages.py --check    # write nothing; the status is 1 if something differs

In a page, each block is run in order, in one Python and one empty folder:

- ``python``: the output is what the block prints and, as in a notebook, the value of its last line;
- ``sh``: one nascope command per line; a picture below is the file of that name that they write;
- a block whose first line is a comment with a file's name, such as ``# mine.toml``, is that file.

A ``text`` block below has the output, and a picture below has what the value looks like. A notebook
keeps its outputs in its own format.

``--check`` compares outputs exactly up to the first training. From there on, numbers differ between
processors, and only most of the words around them must be the same.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import difflib
import io
import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: small tensors, often a busy machine

import numpy as np
import pandas as pd
from PIL import Image
from typer.testing import CliRunner

from nascope._src.cli.entry import make_app

ROOT = Path(__file__).parents[1]
PAGES = (Path("docs/tutorial.md"), Path("docs/gallery.md"))
NOTEBOOKS = tuple(sorted(p.relative_to(ROOT) for p in (ROOT / "examples").glob("*.ipynb")))

_BLOCK = re.compile(
    r"^```(?P<language>\w+)\n(?P<code>.*?)^```\n"
    r"(?P<shown>\n```text\n(?P<text>.*?)^```\n)?"
    r"(?P<figure>\n!\[[^\]]*\]\((?P<picture>[^)]*)\)\n)?",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(r"# ([\w-]+\.\w+)\n")
_TRAINS = re.compile(r"\b(train|run|run_study|landscape|Risk)\b")
NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_PICTURES = {"_repr_svg_": "image/svg+xml", "_repr_png_": "image/png"}


class PageError(Exception):
    """A page's code fails, or the page does not show what its code gives."""


@dataclass
class Session:
    """One Python in which the blocks of a page run, in an empty folder.

    Attributes:
        names: What the blocks have defined.
        tolerant: Whether numbers may differ once something has been trained.
        exact: Whether they may not differ yet.
    """

    tolerant: bool
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__"})
    exact: bool = True

    def python(self, code: str) -> tuple[str, Any]:
        """Run Python; return what it prints, and the value of its last line."""
        self.exact &= not (self.tolerant and _TRAINS.search(code))
        body = ast.parse(code).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        printed, value = io.StringIO(), None
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile(ast.Module(body, []), "page", "exec"), self.names)
                if isinstance(last, ast.Expr):
                    value = eval(compile(ast.Expression(last.value), "page", "eval"), self.names)
        except Exception as error:
            raise PageError(f"{error!r} in this code:\n{code}") from error
        return printed.getvalue(), value

    def shell(self, code: str) -> str:
        """Run nascope commands; return what they print to standard output."""
        self.exact &= not (self.tolerant and _TRAINS.search(code))
        printed = ""
        for line in code.replace("\\\n", " ").splitlines():
            program, *words = shlex.split(line, comments=True) or [""]
            if program not in ("nascope", ""):
                raise PageError(f"expected a nascope command, but got {line!r}")
            if program:
                result = CliRunner(env={"COLUMNS": "90"}).invoke(
                    make_app(words[0]), words, prog_name="nascope"
                )
                if result.exception is not None:
                    raise PageError(f"{line}: {result.output}{result.exception}")
                printed += result.stdout
        return printed


def bundle(value: Any) -> dict[str, Any]:
    """Return a value as a notebook keeps it: by media type, in text, HTML or a picture."""
    if value is None:
        return {}
    data: dict[str, Any] = {"text/plain": repr(value)}
    if (html := getattr(value, "_repr_html_", None)) is not None and (text := html()):
        data["text/html"] = text
    for method, media in _PICTURES.items():
        if (draw := getattr(value, method, None)) is not None and (picture := draw()):
            data[media] = picture
    return data


def picture_in(data: dict[str, Any]) -> bytes | None:
    """Return the picture of a value, if it has one."""
    for media in _PICTURES.values():
        if media in data:
            picture = data[media]
            return picture.encode() + b"\n" if isinstance(picture, str) else picture
    return None


def run_page(path: Path, session: Session) -> Iterator[Change]:
    """Run a page's blocks in the current folder; yield what changes."""
    text = (ROOT / path).read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        language, code = block["language"], block["code"]
        printed, data = "", {}
        if named := _FILE.match(code):
            Path(named[1]).write_text(code, encoding="utf-8")
        elif language == "python":
            printed, value = session.python(code)
            data = bundle(value)
        elif language == "sh":
            printed = session.shell(code)
        drawn = Path(Path(block["picture"] or "").name)
        picture = drawn.read_bytes() if drawn.is_file() else picture_in(data)
        if data and picture_in(data) is None:
            printed += data["text/plain"] + "\n"
        where = f"{path}, line {text.count(chr(10), 0, block.start()) + 1}"
        if (picture is None) != (block["picture"] is None):
            raise PageError(f"{where}: the code draws a picture, or the page shows one; not both")
        if not same_text(block["text"] or "", printed, session.exact):
            shown = f"\n```text\n{printed.rstrip()}\n```\n" if printed else ""
            fence = f"```{language}\n{code}```\n"
            yield Change(path, where, block[0], fence + shown + (block["figure"] or ""))
        if picture is not None:
            place = (path.parent / block["picture"]).as_posix()
            if not same_picture(ROOT / place, picture, session.exact):
                yield Change(Path(place), f"{where}: {place}", None, picture)


def run_notebook(path: Path, session: Session) -> Iterator[Change]:
    """Run a notebook's cells in the current folder; yield the notebook if it changes."""
    before = (ROOT / path).read_text(encoding="utf-8")
    notebook = json.loads(before)
    changed, count = [], 0
    for number, cell in enumerate(notebook["cells"], 1):
        if cell["cell_type"] != "code":
            continue
        count += 1
        printed, value = session.python("".join(cell["source"]))
        outputs = as_outputs(printed, bundle(value), count)
        if not same_outputs(cell["outputs"], outputs, session.exact):
            cell["outputs"] = outputs
            changed.append(f"cell {number}")
        cell["execution_count"] = count
    after = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    if changed or after != before:
        yield Change(path, f"{path}, {', '.join(changed) or 'layout'}", None, after.encode())


@dataclass(frozen=True)
class Change:
    """A part of a file, or a whole file, that is not as the code gives it.

    Attributes:
        path: The file, relative to the repository.
        where: The place, in words.
        old: The part of the file that changes; None if all of it does.
        new: What the code gives.
    """

    path: Path
    where: str
    old: str | None
    new: str | bytes

    def write(self) -> None:
        """Write the change."""
        file = ROOT / self.path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(self.new, bytes):
            file.write_bytes(self.new)
        else:
            text = file.read_text(encoding="utf-8")
            file.write_text(text.replace(self.old or "", self.new, 1), encoding="utf-8")


def as_outputs(printed: str, data: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Return the outputs of a cell in the format of notebooks, version 4."""
    outputs: list[dict[str, Any]] = []
    if printed:
        text = printed.splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": text})
    if data:
        kept = {
            media: base64.b64encode(value).decode() + "\n"
            if isinstance(value, bytes)
            else value.splitlines(keepends=True)
            for media, value in sorted(data.items())
        }
        outputs.append(
            {
                "data": kept,
                "execution_count": count,
                "metadata": {},
                "output_type": "execute_result",
            }
        )
    return outputs


def same_outputs(old: list[dict[str, Any]], new: list[dict[str, Any]], exact: bool) -> bool:
    """Whether the outputs of a cell are as before; see `same_text` and `same_picture`."""
    if [sorted(output.get("data", {})) for output in old] != [
        sorted(output.get("data", {})) for output in new
    ]:
        return False
    for before, after in zip(old, new, strict=True):
        printed = ("".join(output.get("text", [])) for output in (before, after))
        if not same_text(*printed, exact):
            return False
        for media, content in after.get("data", {}).items():
            kept = before["data"][media]
            if media == "image/png":
                pictures = base64.b64decode(kept), base64.b64decode(content)
                if not same_pixels(*pictures, exact):
                    return False
            elif not same_text("".join(kept), "".join(content), exact):
                return False
    return True


def same_text(old: str, new: str, exact: bool) -> bool:
    """Whether two outputs are the same; or, if not exact, four of five words, numbers apart.

    A sentence of a verdict may come or go with a number.
    """
    if exact:
        return old.rstrip() == new.rstrip()
    words = (NUMBER.sub("0", text).split() for text in (old, new))
    return difflib.SequenceMatcher(None, *words, autojunk=False).ratio() >= 0.8


def same_picture(file: Path, picture: bytes, exact: bool) -> bool:
    """Whether a file holds a picture; see `same_pixels`."""
    if not file.is_file():
        return False
    old = file.read_bytes()
    return old == picture or (file.suffix == ".png" and same_pixels(old, picture, exact))


def same_pixels(old: bytes, new: bytes, exact: bool) -> bool:
    """Whether two PNG pictures are the same, or have one size and about the same tones."""
    first, second = (
        np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=float) for png in (old, new)
    )
    if first.shape != second.shape:
        return False
    difference = float(np.abs(first - second).mean())  # of 255
    return difference < (0.1 if exact else 25)


def changes(paths: list[Path], tolerant: bool) -> Iterator[Change]:
    """Run pages and notebooks, each in a session of its own; yield what changes.

    They share one folder, so that a study that two of them run is run once. As in examples/, the
    results of the project's own studies are in ``../docs/results``.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "docs").mkdir()
        Path(folder, "docs/results").symlink_to(ROOT / "docs/results")
        Path(folder, "examples").mkdir()
        os.chdir(Path(folder, "examples"))
        os.environ.pop("NASCOPE_DATA", None)
        for path in paths:
            run = run_notebook if path.suffix == ".ipynb" else run_page
            with pd.option_context("display.width", 90, "display.max_columns", 20):
                yield from run(path, Session(tolerant))


def main(words: list[str]) -> int:
    """Run what the command line names; return the exit status."""
    check = "--check" in words
    paths = [Path(word) for word in words if word != "--check"] or [*PAGES, *NOTEBOOKS]
    found = 0
    try:
        for change in changes(paths, tolerant=check):
            found += 1
            print(f"{'differs' if check else 'written'}: {change.where}")
            if not check:
                change.write()
            elif isinstance(change.new, str):
                print(change.old, change.new, sep="--- now ---\n")
    except PageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return int(check and found > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
