"""What the tutorial, the gallery and the notebooks show is what their code gives."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.tools import load_tool

tool = load_tool("executed_pages")
ALL = [*tool.PAGES, *tool.NOTEBOOKS]
SMALL = re.compile(r"(?<![\w.])\d(?![\w.%])")  # counts and list numbers, which prose may have


def test_code_gives_what_is_shown():
    command = [sys.executable, "tools/executed_pages.py", "--check"]
    run = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (0, ""), run.stdout + run.stderr


def parts_of(path: Path) -> tuple[str, str]:
    """Return the prose of a page or notebook, and its code with all outputs."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix == ".md":
        blocks = re.findall(r"^```\w*\n.*?^```", text, re.MULTILINE | re.DOTALL)
        return re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S), "\n".join(blocks)
    prose, shown = [], []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        (prose if cell["cell_type"] == "markdown" else shown).append(source)
        for output in cell.get("outputs", []):
            shown += ["".join(output.get("text", ""))]
            shown += ["".join(output.get("data", {}).get("text/plain", ""))]
    return "\n".join(prose), "\n".join(shown)


def unfounded(prose: str, shown: str) -> list[str]:
    """Return the numbers and the quotations of prose that neither code nor output has."""
    prose = re.sub(r"\]\([^)]*\)", "]", prose)
    numbers = set(re.findall(r"\d+(?:\.\d+)?", shown))
    stated = re.findall(r"\d+(?:\.\d+)?", SMALL.sub("", prose))
    quoted = re.findall(r'"([^"]+)"', re.sub("`[^`]*`", "", prose))
    words = " ".join(shown.split()).lower()
    return [number for number in stated if number not in numbers] + [
        quotation for quotation in quoted if " ".join(quotation.split()).lower() not in words
    ]


@pytest.mark.parametrize("path", ALL, ids=str)
def test_prose_states_only_what_is_shown(path):
    allowed = {
        "docs/tutorial.md": {"10"},  # CIFAR-10
        "docs/gallery.md": {"10", "25"},
        "examples/landscape_of_your_model.ipynb": {"2018"},
        "examples/study_from_file_to_verdict.ipynb": {"10"},
        "examples/what_my_search_found.ipynb": {"10", "25", "95"},
    }
    assert set(unfounded(*parts_of(path))) <= allowed.get(str(path), set())


def test_an_unfounded_statement_is_noticed():
    assert unfounded('It is 7.2 % of 180, and "wide".', "7.2 180 Wide") == []
    assert unfounded('It is 7.3 %, and "narrow".', "7.2 180 Wide") == ["7.3", "narrow"]


def test_notebooks_have_outputs_and_are_valid():
    assert len(tool.NOTEBOOKS) == 3
    for path in tool.NOTEBOOKS:
        notebook = json.loads((ROOT / path).read_text(encoding="utf-8"))
        assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        assert sum(bool(cell["outputs"]) for cell in code) > len(code) / 2
        assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one page, which is run in an empty folder."""
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


def changed(repository, text: str, tolerant: bool = True) -> str | None:
    """Return a page after its code has been run; None if nothing changed."""
    page = repository / "page.md"
    page.write_text(text, encoding="utf-8")
    changes = list(tool.run_page(Path("page.md"), tool.Session(tolerant)))
    for change in changes:
        change.write()
    return page.read_text(encoding="utf-8") if changes else None


def test_outputs_are_written_and_compared(repository):
    page = "```python\nprint(1)\n6 * 7\n```\n\nText.\n"
    written = changed(repository, page)
    assert written == "```python\nprint(1)\n6 * 7\n```\n\n```text\n1\n42\n```\n\nText.\n"
    assert changed(repository, written) is None
    assert changed(repository, written.replace("42", "43")) == written


def test_numbers_may_differ_only_after_training(repository):
    page = "```python\ntrain = 1\nprint('loss', {})\n```\n\n```text\nloss 0.31\n```\n"
    assert changed(repository, page.format("0.32")) is None
    assert changed(repository, page.format("0.32"), tolerant=False)
    assert changed(repository, page.format("'nan'"))
    assert changed(repository, page.replace("train", "x").format("0.32"))


def test_files_commands_and_pictures(repository):
    page = (
        "```toml\n# a.toml\nx = 1\n```\n\n```python\nfrom pathlib import Path\nprint(Path('a.toml').read_text())\n```\n\n"
        "```sh\nnascope describe DARTS --svg cell.svg > /dev/null\n```\n\n![Cell](cell.svg)\n"
    ).replace(" > /dev/null", "")
    written = changed(repository, page)
    assert "```text\n# a.toml\nx = 1\n```" in written
    assert "normal   reduction" in written
    assert (repository / "cell.svg").read_text().startswith("<svg")
    assert changed(repository, written) is None
    (repository / "cell.svg").write_text("<svg>", encoding="utf-8")
    assert changed(repository, written) == written


@pytest.mark.parametrize(
    "page",
    [
        "```python\n1 / 0\n```\n",
        "```sh\nls\n```\n",
        "```sh\nnascope describe nothing\n```\n",
        "```python\n1\n```\n\n![Nothing](a.png)\n",
        "```python\nimport nascope\nnascope.load_cell('DARTS').normal\n```\n",
    ],
)
def test_code_that_fails_is_an_error(page, repository):
    with pytest.raises(tool.PageError):
        changed(repository, page)
