"""The start page: the best row of each protocol, and how many differences are findings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from harness.leaderboard.tables import percent
from harness.report.chapter import Chapter
from harness.report.contents import contents
from harness.report.limits import Limits
from harness.report.pages.home import _told

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
    assert f"Of {len(tests.coarse)} re-ranked rows, {len(up)} {'is' if len(up) == 1 else 'are'} better" in text
    equal = sum(not d.finding for d in tests.best.values())
    assert f"{equal} others are not significantly different" in text
    page.get_by_role("link", name="Compare two rows").click()
    page.wait_for_selector("body[data-shown]")
    assert page.url.startswith(f"{made.out.as_uri()}/{made.chapter}/compare.html")


def test_rows_are_likened_to_the_best_row_only_where_that_is_the_tested_one(chapter: Chapter) -> None:
    pages = contents(chapter, Limits())
    told = _told(chapter, pages)
    assert told["equal"] == sum(not d.finding for d in chapter.tests.best.values()) > 0
    weakest = next(ranking for ranking in chapter.rankings[::-1] if ranking.kind == "cell")
    better = {**weakest.metrics, "R-1": weakest.metrics["R-1"].model_copy(update={"value": 1.0})}
    records = [weakest.model_copy(update={"metrics": better}), *(r for r in chapter.records if r != weakest)]
    other = _told(replace(chapter, records=records), pages)
    assert other["best"]["title"] != told["best"]["title"]
    assert other["equal"] == 0, "the tests are against another row than the one that is told"


def test_without_queries_the_start_page_says_why_nothing_is_tested(chapter: Chapter) -> None:
    told = _told(replace(chapter, queries=None), contents(chapter, Limits()))
    assert told["untested"].startswith("No paired tests")
    assert told["reranked"] == told["equal"] == 0
