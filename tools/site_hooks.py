"""MkDocs hooks: the pages of the site that lie outside docs/, and links that work in both places.

A page is written for the repository: its links lead to files, relative to its own. Here each is
changed to lead to the same thing on the site:

- README.md, CHANGELOG.md and the like are pages of the site, too (`OUTSIDE`);
- so are the notebooks in examples/, with their outputs;
- every other file outside docs/, such as a script, is copied to the site, below ``source/``.

Nothing is changed in code. A link that leads nowhere stays as it is, and MkDocs refuses it.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "src/nascope/_src/data/DIGITS.md": "guides/digits.md",
}
OUTSIDE |= {
    f"examples/{notebook.name}": f"notebooks/{notebook.stem}.md"
    for notebook in sorted((ROOT / "examples").glob("*.ipynb"))
}
PYTHON_REFERENCE = "reference/python.md"

_CODE = re.compile(r"^(?P<fence>`{3,}|~{3,}).*?^(?P=fence)|(?P<ticks>`+).+?(?P=ticks)", re.M | re.S)
_LINK = re.compile(r"(?<=\]\()(?P<target>[^)\s]+)(?=[)\s])")
_ROW = re.compile(r"^\| \[`(\w+)`\]\([^)]*\)", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replace a folder in the navigation by its pages, the index first."""

    def expand(items: list[Any]) -> list[Any]:
        expanded = []
        for item in items:
            ((title, value),) = item.items()
            if isinstance(value, str) and value.endswith("/"):
                pages = sorted(Path(config.docs_dir, value).glob("*.md"))
                pages.sort(key=lambda page: page.name != "index.md")
                value = [f"{value}{page.name}" for page in pages]
            elif isinstance(value, list):
                value = expand(value)
            if value:
                expanded.append({title: value})
        return expanded

    config.nav = expand(config.nav or [])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/."""
    for source, name in OUTSIDE.items():
        if source.endswith(".ipynb"):
            page, pictures = notebook_page(ROOT / source)
            files.append(File.generated(config, name, content=page))
            for picture, content in pictures.items():
                files.append(File.generated(config, f"notebooks/{picture}", content=content))
        else:
            files.append(File.generated(config, name, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead each link of a page to the same thing on the site."""
    source = repository_path(page.file.src_uri)

    def follow(target: str) -> str:
        return site_link(target, source, page.file.src_uri, files, config)

    markdown = outside_code(markdown, lambda text: _LINK.sub(lambda m: follow(m["target"]), text))
    return with_objects(markdown) if page.file.src_uri == PYTHON_REFERENCE else markdown


def repository_path(site_path: str) -> str:
    """Return where the source of a page is in the repository."""
    at_root = {name: source for source, name in OUTSIDE.items()}
    return at_root.get(site_path, f"docs/{site_path}")


def site_link(target: str, source: str, page: str, files: Files, config: MkDocsConfig) -> str:
    """Return a link of a page, given as in the repository, as it is on the site.

    Args:
        target: What the link leads to, relative to ``source``.
        source: The page's path in the repository.
        page: The page's path on the site.
        files: The site's files; a file from outside docs/ is added to them.
        config: The site's settings.
    """
    path, mark, anchor = target.partition("#")
    if not path or re.match(r"[a-z]+:|/", path):
        return target
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if path in OUTSIDE and path != source:  # a notebook leads to its own file
        place = OUTSIDE[path]
    elif path.startswith("docs/"):
        place = path.removeprefix("docs/")
    elif (ROOT / path).is_file():
        place = f"source/{path}"
        if files.get_file_from_path(place) is None:
            copied = File.generated(config, place, abs_src_path=str(ROOT / path))
            files.append(copied)
    else:
        return target
    return posixpath.relpath(place, posixpath.dirname(page)) + mark + anchor


def notebook_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """Return a notebook as a page, and its pictures by file name."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = {media: "".join(text) for media, text in output.get("data", {}).items()}
            place = f"{path.stem}-{len(pictures) + 1}"
            if "image/png" in data:
                pictures[f"{place}.png"] = base64.b64decode(data["image/png"])
                parts.append(f"![Output of the code above]({place}.png)")
            elif "image/svg+xml" in data:
                pictures[f"{place}.svg"] = data["image/svg+xml"].encode()
                parts.append(f"![Output of the code above]({place}.svg)")
            elif "text/html" in data:
                parts.append(f'<div class="notebook-output">{_one_block(data["text/html"])}</div>')
            else:
                text = data.get("text/plain") or "".join(output["text"])
                parts.append(f"```text\n{text.rstrip()}\n```")
    parts.append(f"[Download this notebook]({path.name}).")
    return "\n\n".join(parts) + "\n", pictures


def _one_block(html: str) -> str:
    """Return HTML in the site's style, without empty lines, which Markdown takes for its end."""
    html = re.sub(r"<style.*?</style>", "", html, flags=re.DOTALL)
    html = html.replace(' border="1" class="dataframe"', "")
    return re.sub(r"\n\s*\n", "\n", html)


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Return a page with everything except its code changed."""
    parts, start = [], 0
    for code in _CODE.finditer(markdown):
        parts += [change(markdown[start : code.start()]), code[0]]
        start = code.end()
    return "".join([*parts, change(markdown[start:])])


def with_objects(markdown: str) -> str:
    """Describe in full each name that a table of the Python reference lists, below that table."""
    sections = re.split(r"^(?=## )", markdown, flags=re.MULTILINE)
    described = []
    for section in sections:
        names = _ROW.findall(section)
        table = _ROW.sub(lambda m: f"| [`{m[1]}`][nascope.{m[1]}]", section)
        described.append("\n".join([table, *(f"::: nascope.{name}\n" for name in names)]))
    return "".join(described)
