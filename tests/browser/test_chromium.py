"""A browser that stops making frames fails no test: another takes its place."""

from __future__ import annotations

import pytest

from tests.browser.chromium import Page, Stuck

pytestmark = pytest.mark.browser
tries: list[Page] = []


def test_a_browser_that_is_stuck_is_replaced(page: Page) -> None:
    tries.append(page)
    if len(tries) == 1:
        raise Stuck("as if")
    assert tries[0] is not page
    assert page.complaints == []
    assert page.evaluate("1 + 1") == 2
    assert page.screenshot((0, 0, 2, 3)).size == (2, 3)
