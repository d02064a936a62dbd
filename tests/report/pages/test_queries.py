"""Queries one by one: the filters keep what the core says, and the lists are the rankings'."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from harness.record import RunRecord
from harness.replay import Replay
from harness.report.answers import Answers
from harness.report.chapter import Chapter

if TYPE_CHECKING:
    from conftest import Made
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow


@pytest.fixture
def ranking(chapter: Chapter) -> RunRecord:
    return next(record for record in chapter.rankings if record.fusion == "sum" and record.loss == "none")


@pytest.fixture
def replay(chapter: Chapter, ranking: RunRecord) -> Replay:
    found = chapter.replay(ranking)
    assert found is not None
    return found


@pytest.fixture
def browse(made: Made, ranking: RunRecord, opened: Callable[[str], Page]) -> Callable[..., Page]:
    def browsed(more: str = "", cell: str = "") -> Page:
        page = opened(f"{made.chapter}/queries-{cell or ranking.cell}.html{more}")
        page.wait_for_selector("#answers[data-shown]")
        return page

    return browsed


def listed(page: Page) -> list[int]:
    return [int(text) for text in (page.locator("#answers").get_attribute("data-shown") or "").split()]


def test_each_filter_keeps_the_queries_that_the_core_names(
    browse: Callable[..., Page], chapter: Chapter, ranking: RunRecord, replay: Replay
) -> None:
    answers, rule = Answers.of(replay), chapter.rules(ranking)[0]
    known, hit, was = answers.known, answers.after == 1, answers.before == 1
    decided = chapter.replay(rule)
    assert decided is not None
    assert decided.decisions is not None
    said = decided.decisions.identities != ""
    expected = {
        "right": known & hit,
        "wrong": known & ~hit,
        "rescued": known & hit & ~was,
        "broken": known & ~hit & was,
        "missed": known & (answers.after == 0),
        "new": ~known,
        "accepted": ~known & said,
        "rejected": known & ~said,
        "leaked": np.zeros(len(known), bool),
        "all": np.ones(len(known), bool),
    }
    page = browse()
    for kind, wanted in expected.items():
        page.locator("select[name=kind]").select_option(kind)
        count = f"{wanted.sum()} of {len(known)} queries"
        page.wait_for_function(f"document.querySelector('#filters .count').textContent == '{count}'")
        assert listed(page) == np.flatnonzero(wanted).tolist()[:20]
        option = page.locator(f"select[name=kind] option[value={kind}]")
        assert (option.text_content() or "").endswith(f"({wanted.sum()})")


def test_a_query_shows_both_lists_with_who_was_moved(browse: Callable[..., Page], replay: Replay) -> None:
    page = browse("#query=5")
    item = page.locator("#query-5")
    item.wait_for()
    assert "marked" in (item.get_attribute("class") or "")
    for ranking, place in ((replay.coarse, 0), (replay.final, 1)):
        shown = item.locator(".list").nth(place).locator(".candidate .id").all_text_contents()
        assert shown == replay.gallery.image_id[ranking.order[5, :5]].tolist()
    answers = Answers.of(replay)
    first = item.locator(".list").first.locator(".candidate").first.text_content() or ""
    moved = int(answers.moved[5, 0])
    assert (f"1 → {moved + 1}" in first) == (moved != 0)
    assert replay.local is not None
    assert f"{int(replay.local.count[5, 0])} matches" in first
    own = replay.gallery.identity[replay.final.order[5, :5]] == replay.query.identity[5]
    assert item.locator(".list").nth(1).locator(".candidate.own").count() == own.sum()


def test_pages_and_the_order_by_confidence(browse: Callable[..., Page], chapter: Chapter, ranking: RunRecord) -> None:
    page = browse()
    assert listed(page) == list(range(20))
    page.locator(".paging button[data-step='1']").first.click()
    page.wait_for_function("document.getElementById('answers').dataset.shown.startsWith('20 ')")
    assert "page=2" in page.url
    page.locator("select[name=rule]").select_option(label="threshold[score=cosine]")
    page.locator("select[name=order]").select_option("sure")
    rule = next(rule for rule in chapter.rules(ranking) if rule.openset == "threshold[score=cosine]")
    found = chapter.replay(rule)
    assert found is not None
    assert found.decisions is not None
    sure = [float(f"{value:.5g}") for value in found.decisions.confidence]
    order = sorted(range(len(sure)), key=lambda query: (-sure[query], query))
    page.wait_for_function(f"document.getElementById('answers').dataset.shown.startsWith('{order[0]} {order[1]} ')")
    assert listed(page) == order[:20]


def test_words_find_images_and_identities(browse: Callable[..., Page], replay: Replay) -> None:
    page = browse()
    name = str(replay.query.identity[7])
    page.locator("input[name=search]").fill(name.upper())
    expected = np.flatnonzero(replay.query.identity == name).tolist()
    page.wait_for_function(f"document.getElementById('answers').dataset.shown == '{' '.join(map(str, expected))}'")
    page.get_by_role("button", name="Show all").click()
    page.wait_for_function("document.getElementById('answers').dataset.shown.startsWith('0 1 2')")


def test_without_re_ranking_there_is_one_list(browse: Callable[..., Page], chapter: Chapter) -> None:
    coarse = next(record for record in chapter.rankings if record.fusion == "none" and record.kind == "cell")
    page = browse(cell=coarse.cell)
    assert page.locator("#answers .answer").first.locator(".list").count() == 1
    assert page.locator("option[value=rescued]").count() == 0


def test_a_candidate_leads_to_its_matches(browse: Callable[..., Page]) -> None:
    page = browse()
    page.get_by_role("link", name="see the matches").first.click()
    page.wait_for_selector("#drawing svg")
    assert "matches-" in page.url


def test_every_photograph_that_is_shown_is_there(browse: Callable[..., Page]) -> None:
    page = browse()
    page.evaluate("document.querySelectorAll('img').forEach(image => image.loading = 'eager')")
    page.wait_for_function("[...document.images].every(image => image.complete)")
    assert page.evaluate("[...document.images].filter(image => !image.naturalWidth).length") == 0
    assert page.evaluate("document.images.length") > 100
    assert page.evaluate("[...document.images].every(image => image.alt)")
