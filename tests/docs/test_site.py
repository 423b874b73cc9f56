"""The site builds without a warning, works without a network, and describes every public name."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from mkdocs.plugins import BasePlugin

import nascope
from tests.docs.pages import ROOT
from tests.docs.tools import load_tool

hooks = load_tool("site_hooks")
griffe_extension = load_tool("site_griffe")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    return folder


class Loaded(HTMLParser):
    """What a page loads, other than what a reader follows a link to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "a":
            named = dict(attrs)
            self.addresses += [named[key] or "" for key in ("src", "href") if key in named]


def test_pages_load_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        for address in Loaded(page).addresses:
            path = address.partition("?")[0].partition("#")[0]
            assert not re.match(r"[a-z]+:|//", path) or path.startswith("data:"), (page, address)
            if page.name != "404.html":  # whose addresses are for a server's root
                assert (page.parent / path).exists(), (page, address)
    for style in site.rglob("*.css"):
        loaded = re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", style.read_text("utf-8"))
        assert not loaded, style


def test_every_public_name_is_described(site):
    page = (site / "reference" / "python.html").read_text(encoding="utf-8")
    for name in nascope.__all__:
        assert f'id="nascope.{name}"' in page, name
    assert "one_dimensional" in page  # a setting that a decorator adds
    assert ">>> " not in re.sub(r"<code>.*?</code>", "", page, flags=re.DOTALL)


def test_links_out_of_docs_lead_to_copies(site):
    page = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="guides/studies.html"' in page
    copied = ROOT / "LICENSE"
    notebook = (site / "notebooks" / "what_my_search_found.html").read_text(encoding="utf-8")
    assert 'href="../guides/cells.html"' in notebook
    assert 'href="../source/examples/what_my_search_found.ipynb"' in notebook
    assert (site / "source" / "LICENSE").read_bytes() == copied.read_bytes()


class Hooks(BasePlugin):
    def on_config(self, config):
        return hooks.on_config(config)

    def on_page_markdown(self, markdown, **page):
        return hooks.on_page_markdown(markdown, **page)


@pytest.mark.parametrize(
    ("page", "text", "fault"),
    [
        ("guides/a.md", "[heading](#title), [script](../../tools/setup.sh)", False),
        ("guides/a.md", "[missing](b.md)", True),
        ("guides/a.md", "[missing](../../src/nothing.py)", True),
        ("guides/a.md", "[no such heading](#nowhere)", True),
        ("guides/a.md", "![missing](b.png)", True),
        ("guides/a.md", "[absolute](/b.md)", True),
        ("forgotten.md", "In no part of the navigation.", True),
    ],
)
def test_a_fault_in_a_page_stops_the_build(page, text, fault, tmp_path):
    place = tmp_path / "docs" / page
    place.parent.mkdir(parents=True)
    place.write_text(f"# Title\n\n{text}\n", encoding="utf-8")
    config = load_config(
        str(ROOT / "mkdocs.yml"),
        docs_dir=str(tmp_path / "docs"),
        site_dir=str(tmp_path / "site"),
        nav=[{"Guides": "guides/"}],
        hooks=[],
        plugins=[],
        theme="mkdocs",
        extra_css=[],
        strict=True,
    )
    config.plugins["hooks"] = Hooks()
    with pytest.raises(Abort) if fault else contextlib.nullcontext():
        build(config)


def test_a_link_is_followed_from_the_page_that_is_read():
    def link(target: str, source: str, page: str) -> str:
        return hooks.site_link(target, source, page, None, None)

    assert link("docs/theory.md#setting", "README.md", "index.md") == "theory.md#setting"
    assert link("../../README.md", "docs/guides/cells.md", "guides/cells.md") == "../index.md"
    assert link("data.md", "docs/guides/cells.md", "guides/cells.md") == "data.md"
    assert link("https://example.org/a.md", "README.md", "index.md") == "https://example.org/a.md"
    assert link("#install", "README.md", "index.md") == "#install"


def test_a_notebook_is_a_page(tmp_path):
    table = '<style>\n</style>\n<table border="1" class="dataframe">\n\n<tr></tr></table>'
    outputs = [
        {"text": ["1\n", "2\n"]},
        {"data": {"text/html": [table], "text/plain": ["1"]}},
        {"data": {"image/png": base64.b64encode(b"PNG").decode(), "text/plain": ["<Figure>"]}},
        {"data": {"text/plain": ["3.5"]}},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Text."]},
        {"cell_type": "code", "source": ["f()"], "outputs": outputs},
    ]
    file = tmp_path / "a.ipynb"
    file.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    page, pictures = hooks.notebook_page(file)
    assert page.split("\n\n") == [
        "# Title",
        "Text.",
        "```python\nf()\n```",
        "```text\n1\n2\n```",
        '<div class="notebook-output">\n<table>\n<tr></tr></table></div>',
        "![Output of the code above](a-1.png)",
        "```text\n3.5\n```",
        "[Download this notebook](a.ipynb).\n",
    ]
    assert pictures == {"a-1.png": b"PNG"}


def test_code_is_left_as_it_is():
    page = "[a](b)\n\n```\n[a](b)\n```\n\n`[a](b)` and [a](b)\n"
    changed = hooks.outside_code(page, lambda text: text.replace("(b)", "(c)"))
    assert changed == "[a](c)\n\n```\n[a](b)\n```\n\n`[a](b)` and [a](c)\n"


def test_a_doctest_gets_a_heading():
    text = "Add.\n\n>>> 1 + 1\n2\n\n>>> 2 + 2\n4\n\nSee also."
    assert griffe_extension.with_headings(text) == (
        "Add.\n\nExamples:\n    >>> 1 + 1\n    2\n\n    >>> 2 + 2\n    4\n\nSee also."
    )
