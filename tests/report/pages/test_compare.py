"""Two rows compared: the words are those of the test that was made, the queries those on which the rows differ."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from harness.metrics.ranking import within
from harness.metrics.significance import compare, holm
from harness.record import RunRecord, unpack_hits
from harness.report.chapter import Chapter
from harness.report.pages.compare import chosen, paired

if TYPE_CHECKING:
    from conftest import Made
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow


@pytest.fixture
def rows(chapter: Chapter) -> list[RunRecord]:
    return [record for record in chapter.rankings if record.kind == "cell"]


@pytest.fixture
def show(made: Made, opened: Callable[[str], Page]) -> Callable[..., Page]:
    def compared(a: RunRecord, b: RunRecord, more: str = "") -> Page:
        page = opened(f"{made.chapter}/compare.html#a={a.cell}&b={b.cell}{more}")
        page.wait_for_selector(f"body[data-shown='{a.cell} {b.cell}']")
        return page

    return compared


def right(chapter: Chapter, record: RunRecord) -> np.ndarray:
    assert chapter.queries is not None
    return within(unpack_hits(record.first_hits), 1)[chapter.queries.known]


def test_the_words_are_those_of_the_paired_test(
    show: Callable[..., Page], chapter: Chapter, rows: list[RunRecord]
) -> None:
    assert chapter.queries is not None
    pairs = chosen(chapter.rankings, chapter, 20)
    assert len(pairs) == 15, "six rows with each other; the coarse ones are among them"
    tests = [paired(chapter, chapter.queries, pair, len(pairs)) for pair in pairs]
    place = next(i for i, pair in enumerate(pairs) if pair == (rows[0], rows[-1]))
    test, p = tests[place], holm([found.p_identity for found in tests])[place]
    text = show(rows[0], rows[-1]).locator("#verdict").text_content() or ""
    assert f"A answers {test.better} that B misses, and misses {test.worse} that B answers" in text
    assert test.difference.value is not None
    assert f"The difference of {100 * test.difference.value:+.1f} points" in text
    assert ("is a finding" in text) == (p < 0.05)
    assert f"p {p:.3f} by a sign-flip test" in text
    assert "corrected for the 15 comparisons" in text
    turned = show(rows[-1], rows[0]).locator("#verdict").text_content() or ""
    assert f"The difference of −{100 * test.difference.value:.1f} points" in turned
    assert f"A answers {test.worse} that B misses" in turned


def test_a_test_is_kept_and_is_that_of_the_core(chapter: Chapter, rows: list[RunRecord]) -> None:
    asked = chapter.queries
    assert asked is not None
    fresh = compare(right(chapter, rows[0]), right(chapter, rows[1]), asked.identity[asked.known], 7)
    assert paired(chapter, asked, (rows[0], rows[1]), 7) == fresh
    assert paired(chapter, asked, (rows[0], rows[1]), 7) == fresh


def test_the_queries_are_those_on_which_the_rows_differ(
    show: Callable[..., Page], chapter: Chapter, rows: list[RunRecord]
) -> None:
    asked = chapter.queries
    assert asked is not None
    one, other = (unpack_hits(row.first_hits) for row in (rows[0], rows[-1]))
    page = show(rows[0], rows[-1])
    expected = {
        "differ": (one == 1) != (other == 1),
        "a": (one == 1) & (other != 1),
        "b": (one != 1) & (other == 1),
        "moved": one != other,
        "all": np.ones(len(one), bool),
    }
    for name, wanted in expected.items():
        page.locator("#which select[name=show]").select_option(name)
        page.wait_for_function(f"document.querySelector('#which .count').textContent.startsWith('{wanted.sum()} ')")
        shown = page.locator("#differing tbody th").all_text_contents()
        assert shown == asked.image_id[wanted].tolist()[:50]
    page.locator("#which select[name=known]").select_option("0")
    page.wait_for_function(f"document.querySelector('#which .count').textContent.startsWith('{(~asked.known).sum()} ')")


def test_swapping_turns_the_rows(show: Callable[..., Page], rows: list[RunRecord]) -> None:
    page = show(rows[0], rows[1])
    page.get_by_role("button", name="Swap").click()
    page.wait_for_selector(f"body[data-shown='{rows[1].cell} {rows[0].cell}']")
    assert f"a={rows[1].cell}" in page.url


def test_a_row_with_itself_and_a_pair_without_a_test_are_told(
    show: Callable[..., Page], chapter: Chapter, rows: list[RunRecord]
) -> None:
    assert "the same row" in (show(rows[0], rows[0]).locator("#verdict").text_content() or "")
    chance = next(record for record in chapter.rankings if record.backbone == "majority")
    text = show(rows[0], chance).locator("#verdict").text_content() or ""
    assert "This pair was not tested" in text
    better = int((right(chapter, rows[0]) > right(chapter, chance)).sum())
    assert re.search(rf"A answers {better} that B misses", text)


def test_a_query_leads_to_its_shortlist(show: Callable[..., Page], rows: list[RunRecord]) -> None:
    page = show(rows[0], rows[-1], "&show=all")
    page.locator("#differing tbody tr").nth(3).get_by_role("link", name="in A").click()
    page.wait_for_selector(".answer.marked")
    assert page.url.endswith(f"queries-{rows[0].cell}.html#query=3")
