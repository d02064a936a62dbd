"""The start page: the best row of each protocol, and how many differences are findings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from harness.leaderboard.tables import percent
from harness.report.chapter import Chapter

if TYPE_CHECKING:
    from conftest import Made
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow


def test_the_start_page_tells_the_best_row_and_the_findings(
    made: Made, chapter: Chapter, opened: Callable[[str], Page]
) -> None:
    page = opened("index.html")
    text = " ".join((page.locator("main").text_content() or "").split())
    best = chapter.rankings[0]
    assert f"The best R-1 is {percent(best.metrics['R-1'])} per cent" in text
    assert f"{len(chapter.records)} rows" in text
    tests = chapter.tests
    up = [d for d in tests.coarse.values() if d.finding and (d.test.difference.value or 0) > 0]
    assert f"Of {len(tests.coarse)} re-ranked rows, {len(up)} are better" in text
    equal = sum(not d.finding for d in tests.best.values())
    assert f"{equal} others are not significantly different" in text
    page.get_by_role("link", name="Compare two rows").click()
    page.wait_for_selector("body[data-shown]")
    assert page.url.startswith(f"{made.out.as_uri()}/{made.chapter}/compare.html")
