"""The page of Python names is current and complete."""

from __future__ import annotations

import nascope
from tests.docs.pages import ROOT
from tests.docs.tools import load_tool

reference = load_tool("python_reference")


def test_every_public_name_is_listed_once():
    assert sorted(reference.names()) == sorted(nascope.__all__)


def test_the_python_reference_is_current():
    page = ROOT / "docs" / "reference" / "python.md"
    assert page.read_text(encoding="utf-8") == reference.reference(), "run: make docs"
