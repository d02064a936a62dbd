"""Known or new: what the page counts at a threshold is what the core counts there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from harness.answers import Decisions
from harness.metrics.openset import baks, baus
from harness.metrics.ranking import first_hits
from harness.record import RunRecord
from harness.replay import Replay
from harness.report.chapter import Chapter
from harness.report.pages.openset import densities, scores, threshold

if TYPE_CHECKING:
    from conftest import Made
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow


@pytest.fixture
def ranking(chapter: Chapter) -> RunRecord:
    return next(record for record in chapter.rankings if record.fusion == "sum" and record.loss == "arcface")


@pytest.fixture
def shown(made: Made, ranking: RunRecord, opened: Callable[[str], Page]) -> Page:
    page = opened(f"{made.chapter}/openset-{ranking.cell}.html")
    page.wait_for_selector("body[data-ready]")
    return page


def replayed(chapter: Chapter, record: RunRecord) -> Replay:
    replay = chapter.replay(record)
    assert replay is not None
    return replay


def told(page: Page) -> dict[str, float | None]:
    places = "[...document.querySelectorAll('[data-number]')]"
    found: dict[str, str] = page.evaluate(
        f"Object.fromEntries({places}.map(place => [place.dataset.number, place.dataset.value]))"
    )
    return {name: float(value) if value else None for name, value in found.items()}


def counted(replay: Replay, confidence: np.ndarray, at: float) -> dict[str, Any]:
    """The core's numbers at a threshold."""
    query, gallery = replay.query, replay.gallery
    first = gallery.identity[replay.final.order[:, 0]]
    kept = confidence >= at
    made = Decisions(query.image_id, np.where(kept, first, ""), confidence, np.full(len(query), 0.5))
    right = first_hits(replay.final, query.identity, gallery.identity) == 1
    found = {
        "baks": baks(made, query.identity, query.known).value,
        "baus": baus(made, query.identity, query.known).value,
    }
    assert found["baks"] is not None
    assert found["baus"] is not None
    return {
        **found,
        "mean": (found["baks"] * found["baus"]) ** 0.5,
        "right": (query.known & kept & right).sum(),
        "misnamed": (query.known & kept & ~right).sum(),
        "rejected": (query.known & ~kept).sum(),
        "accepted": (~query.known & kept).sum(),
        "refused": (~query.known & ~kept).sum(),
    }


def test_moving_the_threshold_changes_the_numbers_to_what_the_core_computes(
    shown: Page, chapter: Chapter, ranking: RunRecord
) -> None:
    replay = replayed(chapter, ranking)
    for number, score in enumerate(scores(chapter, ranking)):
        shown.locator("select[name=score]").select_option(str(number))  # the first is chosen already: nothing moves
        shown.wait_for_function(
            f"location.hash.length > 1 && document.querySelector('select[name=score]').value == '{number}'"
        )
        values = np.unique(score.confidence)
        for at in (values[0], values[len(values) // 2], values[-1], values[-1] + 1, values[0] - 1):
            field = shown.locator("input[name=number]")
            field.fill(repr(float(at)))
            field.press("Enter")
            shown.wait_for_function(f"document.getElementById('numbers').dataset.threshold == {float(at)!r}")
            assert told(shown) == pytest.approx(counted(replay, score.confidence, float(at)))


def test_the_slider_moves_the_threshold_by_the_keyboard(shown: Page) -> None:
    before = shown.locator("#numbers").get_attribute("data-threshold")
    shown.locator("input[name=range]").focus()
    for _ in range(5):
        shown.keyboard.press("ArrowRight")
    after = shown.locator("#numbers").get_attribute("data-threshold")
    assert before != after
    assert "threshold=" in shown.url


def test_at_its_own_threshold_a_rule_has_the_numbers_of_its_record(
    shown: Page, chapter: Chapter, ranking: RunRecord
) -> None:
    for rule in chapter.rules(ranking):
        shown.locator(f"#rules tr[data-rule='{rule.cell}'] a").click()
        shown.wait_for_selector(f"#rules tr.marked[data-rule='{rule.cell}']")
        found = told(shown)
        assert found["baks"] == pytest.approx(rule.metrics["BAKS"].value)
        assert found["baus"] == pytest.approx(rule.metrics["BAUS"].value)
        assert shown.locator("#rule-buttons button[aria-pressed=true]").text_content() == rule.openset


def test_a_link_leads_to_its_threshold(shown: Page, made: Made, ranking: RunRecord) -> None:
    address = f"{made.out.as_uri()}/{made.chapter}/openset-{ranking.cell}.html#score=0&threshold=0.25"
    shown.goto("about:blank")
    shown.goto(address)
    shown.wait_for_selector("body[data-ready]")
    assert shown.locator("#numbers").get_attribute("data-threshold") == "0.25"


def test_errors_lead_to_their_queries(shown: Page, chapter: Chapter, ranking: RunRecord) -> None:
    shown.locator("input[name=number]").fill("-1000")
    shown.locator("input[name=number]").press("Enter")
    links = shown.locator("#accepted a")
    assert links.count() == min(20, int((~replayed(chapter, ranking).query.known).sum()))
    assert shown.locator("#rejected").text_content() == "none"
    links.first.click()
    shown.wait_for_selector(".answer.marked")
    assert "queries-" in shown.url


def test_rules_that_compare_one_score_share_it(chapter: Chapter, ranking: RunRecord) -> None:
    found = scores(chapter, ranking)
    assert sum(len(score.rules) for score in found) == 4
    names = {score.name: {rule.openset for rule, _ in score.rules} for score in found}
    assert names["normalised-count"] == {"threshold", "quantile"}
    assert names["cosine"] == {"threshold[score=cosine]"}
    for score in found:
        for rule, decisions in score.rules:
            at = threshold(decisions)
            said = decisions.identities != ""
            assert np.array_equal(said, score.confidence >= at) if at is not None else not said.any(), rule.openset


def test_densities_have_area_one() -> None:
    rng = np.random.default_rng(0)
    confidence, known = rng.normal(size=200), np.arange(200) < 150
    for kind in ("known", "new"):
        rows = [row for row in densities(confidence, known) if row["kind"] == kind]
        assert sum(row["density"] * (row["to"] - row["from"]) for row in rows) == pytest.approx(1.0)
    assert {row["kind"] for row in densities(confidence, np.ones(200, bool))} == {"known"}
    assert densities(np.zeros(5), np.ones(5, bool))
