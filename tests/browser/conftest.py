"""One browser for all tests here, and the pages that they look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nascope._src.report.write import write_report
from tests.browser import chromium
from tests.report.synthetic import LARGE, STUDIES, write_study


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    if chromium.find() is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    running = chromium.Browser(lambda: tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


@pytest.fixture
def page(browser: chromium.Browser) -> chromium.Page:
    browser.page.forget()
    return browser.page


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Headless Chromium now and then stops making frames for good: once more, in a new one."""
    try:
        return (yield)
    except chromium.Stuck:
        running: chromium.Browser = pyfuncitem.funcargs["browser"]
        running.restart()
        pyfuncitem.funcargs["page"] = running.page
        names = pyfuncitem._fixtureinfo.argnames
        pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
        return True


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
