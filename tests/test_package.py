"""The package: what a wheel holds, what an index shows, and that it works outside the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes

import pytest

from nascope._version import __version__
from tests.docs.pages import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").is_file(), reason="needs the repository"
)

STUDY = """
cells = ["DARTS"]
[training]
scale = "tiny"
overrides = { epochs = 1, channels = 2, layers = 3 }
[landscape]
points = 3
"""


def run(*words, **options):
    result = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, check=False, **options
    )
    assert result.returncode == 0, f"{words}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Build the source distribution, and from it the wheel."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


def test_an_index_accepts_the_packages(packages):
    names = sorted(path.name for path in packages.iterdir())
    assert names == [f"nascope-{__version__}-py3-none-any.whl", f"nascope-{__version__}.tar.gz"]
    paths = [packages / name for name in names]
    printed = run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *paths)
    assert printed.count("PASSED") == 2, printed


def test_the_packages_hold_what_they_need(packages):
    (wheel,) = packages.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (described,) = (name for name in names if name.endswith("/METADATA"))
        metadata = message_from_bytes(archive.read(described))
    source = {
        str(path.relative_to(ROOT / "src"))
        for path in (ROOT / "src/nascope").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert source == {name for name in names if name.startswith("nascope/")}
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {"ray", "surrogate", "download", "dev"} <= set(metadata.get_all("Provides-Extra"))
    assert "nascope demo" in str(metadata.get_payload())
    (sources,) = packages.glob("*.tar.gz")
    with tarfile.open(sources) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert {"README.md", "CHANGELOG.md", "constraints.txt", "docs/guides/probes.md"} <= held


def test_the_wheel_works_in_a_fresh_environment(packages, tmp_path):
    """Install from uv's cache and local folders of packages, then run a study elsewhere."""
    fresh, (wheel,) = tmp_path / "venv", packages.glob("*.whl")
    uv = [sys.executable, "-m", "uv", "--quiet"]
    run(*uv, "venv", "--offline", "--python", sys.executable, fresh)
    install = [*uv, "pip", "install", "--python", fresh / "bin/python"]
    install += ["--constraint", ROOT / "constraints.txt", wheel]
    offline = subprocess.run(
        [*map(str, install), "--offline"], capture_output=True, text=True, check=False
    )
    if offline.returncode and "CI" not in os.environ:
        pytest.skip(f"uv lacks packages, and they are large: {offline.stderr.strip()[:200]}")
    if offline.returncode:
        run(*install)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "NASCOPE"))}
    here = {"cwd": tmp_path, "env": kept}
    nascope = fresh / "bin/nascope"
    assert run(nascope, "--version", **here).strip() == f"nascope {__version__}"
    (tmp_path / "mine.toml").write_text(STUDY, encoding="utf-8")
    run(nascope, "study", "run", "mine.toml", "--workers", 1, **here)
    assert (tmp_path / "runs/mine/report.html").stat().st_size > 10_000


@pytest.fixture(scope="module")
def outside():
    """Return the function that rewrites README, from a file that only the build imports."""
    names = {"__name__": "metadata"}
    exec(compile((ROOT / "tools/metadata.py").read_text(encoding="utf-8"), "m", "exec"), names)
    return names["outside"]


RELATIVE = re.compile(r"\]\((?!https://)")


def test_links_become_absolute(outside):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = outside(text, "https://example.org/nascope")
    assert RELATIVE.search(text)
    assert not RELATIVE.search(shown)
    assert "](https://example.org/nascope/raw/HEAD/docs/images/evidence.png)" in shown
    assert (
        "[the\nevidence](https://example.org/nascope/blob/HEAD/docs/results/evidence.md)" in shown
    )


def test_without_an_address_no_link_is_left(outside):
    shown = outside((ROOT / "README.md").read_text(encoding="utf-8"), "")
    assert not RELATIVE.search(shown)
    assert "![" not in shown
    assert "Read the\nevidence (`docs/results/evidence.md`)" in shown
    assert "see `LICENSE`" in shown


def test_other_links_stay(outside):
    text = "[a](https://a.org/b) [c](#d) <e@f.org>"
    for address in ("", "https://example.org"):
        assert outside(text, address).startswith(text)


def test_the_version_is_the_same_everywhere():
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {__version__}\n" in cited
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## (\S+)", changes, re.MULTILINE)[1] == __version__
