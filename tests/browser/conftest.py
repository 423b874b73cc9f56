"""One browser for all tests here, and the pages that they look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nascope.report import write_report
from tests.browser import chromium
from tests.report.synthetic import LARGE, STUDIES, write_study


@pytest.fixture(scope="session")
def browser_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    if chromium.find() is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with (
        chromium.browser(tmp_path_factory.mktemp("profile")) as address,
        chromium.Page(address) as page,
    ):
        yield page


@pytest.fixture
def page(browser_page: chromium.Page) -> chromium.Page:
    browser_page.forget()
    return browser_page


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The page of a named study, written once."""
    written: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in written:
            folder = write_study(tmp_path_factory.mktemp(name), STUDIES[name](), name=name)
            written[name] = write_report(folder, figures=name == "plain")
        return written[name]

    return of


@pytest.fixture(scope="session")
def large_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of five hundred invented trials."""
    folder = write_study(tmp_path_factory.mktemp("large"), LARGE["five hundred"](), name="large")
    return write_report(folder, figures=False)
