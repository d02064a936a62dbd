"""Known or new: what the page counts at a threshold is what the core counts there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from harness.answers import Decisions
from harness.leaderboard.tables import percent
from harness.metrics.openset import open_set
from harness.metrics.points import Points
from harness.metrics.ranking import first_hits
from harness.record import Metric, RunRecord
from harness.replay import Gone, Replay
from harness.report import asked
from harness.report.book import _assets
from harness.report.chapter import Chapter
from harness.report.contents import Contents, contents
from harness.report.limits import Limits
from harness.report.pages import openset
from harness.report.pages.openset import best, densities, scores, threshold
from harness.report.photos import Photos
from harness.report.site import Site
from harness.report.work import Work

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
    found = open_set(made, right, query.identity, query.known)
    return {
        "baks": found["BAKS"].value,
        "baus": found["BAUS"].value,
        "mean": found["BAKS-BAUS mean"].value,
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
            assert_dots_are_at(shown, told(shown))


def assert_dots_are_at(page: Page, numbers: dict[str, float | None]) -> None:
    """The dots of the curves stand where the numbers of the page are, in a plot from 0 to 100 % both ways."""
    n = {name: value or 0.0 for name, value in numbers.items()}
    kept, new = n["right"] + n["misnamed"], n["accepted"] + n["refused"]
    across, known = n["accepted"] / new, kept + n["rejected"]
    wanted = {
        "roc": (across, kept / known),
        "oscr": (across, n["right"] / known),
        "baks-baus": (n["baus"], n["baks"]),
    }
    # charts are drawn a moment after the numbers
    page.wait_for_function(
        """wanted => Object.entries(wanted).every(([name, [across, up]]) => {
            const plot = document.querySelector(`#${name} path.background`).getAttribute("d");
            const [wide, high] = plot.match(/h([\\d.]+)v([\\d.]+)/).slice(1).map(Number);
            const dots = document.querySelectorAll(`#${name} .mark-symbol path`);
            const place = dots[0]?.getAttribute("transform").match(/-?[\\d.]+/g).map(Number);
            const there = dots.length === 1 && [place[0] / wide, 1 - place[1] / high];
            return there && Math.abs(there[0] - across) + Math.abs(there[1] - up) < 1e-3;
        })""",
        arg=wanted,
    )


def test_the_curves_are_those_of_the_score(shown: Page, chapter: Chapter, ranking: RunRecord) -> None:
    replay = replayed(chapter, ranking)
    right = first_hits(replay.final, replay.query.identity, replay.gallery.identity) == 1
    for number, score in enumerate(scores(chapter, ranking)):
        shown.locator("select[name=score]").select_option(str(number))
        record = score.rules[0][0]
        shown.wait_for_selector(f"#rules tr.marked[data-rule='{record.cell}']")
        points = Points.of(score.confidence, right, replay.query.identity, replay.query.known)
        areas = (
            ("AUROC", points.new, points.known),
            ("OSCR", points.new, points.right),
            ("BAKS-BAUS area", 1 - points.baus, points.baks),
        )
        for name, x, y in areas:
            assert np.trapezoid(y, x) == pytest.approx(record.metrics[name].value)
            assert shown.locator(f"[data-area='{name}']").text_content() == percent(record.metrics[name])
        assert shown.locator("[data-area='calibration error']").text_content() == percent(
            record.metrics["calibration error"]
        )


def test_another_score_is_drawn_with_its_own_numbers(shown: Page, chapter: Chapter, ranking: RunRecord) -> None:
    lines = []
    for number, score in enumerate(scores(chapter, ranking)):
        shown.locator("select[name=score]").select_option(str(number))
        shown.wait_for_selector(f"#rules tr.marked[data-rule='{score.rules[0][0].cell}']")
        shown.wait_for_function(
            "before => !before.includes(document.querySelector('#roc .mark-line path').getAttribute('d'))", arg=lines
        )
        lines.append(shown.locator("#roc .mark-line path").get_attribute("d"))
    assert len(set(lines)) == 3


def test_skipping_to_the_content_moves_nothing(shown: Page) -> None:
    shown.locator("input[name=number]").fill("0.03")
    shown.locator("input[name=number]").press("Enter")
    shown.locator("a.skip").focus()
    shown.keyboard.press("Enter")
    shown.wait_for_function("location.hash === '#main'")
    shown.wait_for_timeout(100)
    assert shown.locator("#numbers").get_attribute("data-threshold") == "0.03"
    shown.locator("input[name=range]").focus()
    shown.keyboard.press("ArrowRight")
    assert "main" not in shown.evaluate("location.hash")


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
    query = replayed(chapter, ranking).query
    assert links.count() == min(20, int((~query.known).sum()))
    assert shown.locator("#rejected").text_content() == "none"
    wrong = int(told(shown)["misnamed"] or 0)
    assert 20 < wrong < query.known.sum()
    assert shown.locator("#misnamed a").count() == 20
    assert shown.locator("#misnamed li").last.text_content() == f"and {wrong - 20} more"
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


def test_the_best_of_a_metric_is_marked_where_rules_differ(shown: Page, chapter: Chapter, ranking: RunRecord) -> None:
    rules = chapter.rules(ranking)
    for place, name in enumerate(openset.NAMES):
        top = best(rules, name)
        strong = [rule.cell for rule in rules if top is not None and rule.metrics[name].value == top]
        cells = shown.locator(f"#rules tbody tr:has(td:nth-child({place + 2}) strong)")
        assert sorted(cells.evaluate_all("rows => rows.map(row => row.dataset.rule)")) == sorted(strong), name

    def rule(value: float | None) -> RunRecord:
        return ranking.model_copy(update={"metrics": {name: Metric(value=value, n=5) for name in ("OSCR", "FPR95")}})

    assert best([rule(0.2), rule(0.5), rule(None)], "OSCR") == 0.5
    assert best([rule(0.2), rule(0.5), rule(None)], "FPR95") == 0.2
    assert best([rule(0.2), rule(0.2)], "OSCR") is None
    assert best([rule(None)], "OSCR") is None
    assert best([rule(0.2)], "AUROC") is None


def written(chapter: Chapter, pages: Contents, out: Path) -> Path:
    """The pages of known or new alone."""
    from harness.progress import Quiet

    site = Site(out)
    _assets(site)
    work = Work(site, Photos(site, chapter.store, 0), Limits(), Quiet())
    for room in (asked, openset):
        room.write(work, chapter, pages)
    return out


def test_where_nobody_new_was_asked_there_is_nothing_to_tell_apart(
    chapter: Chapter, ranking: RunRecord, page: Page, accessible: Callable[[Page], None], tmp_path: Path
) -> None:
    assert chapter.data is not None
    assert chapter.queries is not None
    table = chapter.data.table
    everybody = replace(chapter.data, table=table.with_columns(known=np.ones(len(table), bool)))
    queries = replace(chapter.queries, known=np.ones(len(chapter.queries), bool))
    pages = replace(contents(chapter, Limits()), openset=(ranking.cell,))
    out = written(replace(chapter, data=everybody, queries=queries), pages, tmp_path / "closed")
    page.goto((out / pages.page("openset", ranking.cell)).as_uri())
    page.wait_for_selector("body[data-ready]")
    assert "No query shows a new individual" in (page.locator("#closed").text_content() or "")
    assert page.locator("figure").evaluate_all("all => all.map(each => each.id)") == ["density"]
    assert set(told(page)) == {"baks", "right", "misnamed", "rejected"}
    assert page.locator("#accepted").count() == 0
    page.locator("input[name=number]").fill("-1000")
    page.locator("input[name=number]").press("Enter")
    assert told(page)["rejected"] == 0
    accessible(page)


def test_what_the_store_has_lost_is_said_and_leaves_no_dead_link(
    chapter: Chapter, ranking: RunRecord, page: Page, tmp_path: Path
) -> None:
    pages = replace(contents(chapter, Limits()), openset=(ranking.cell,), queries=())
    gone = next(rule for rule in chapter.rules(ranking) if rule.openset == "threshold[score=cosine]")
    traces = {cell: trace for cell, trace in chapter.traces.items() if cell != gone.cell}
    out = written(replace(chapter, traces=traces), pages, tmp_path / "part")
    page.goto((out / pages.page("openset", ranking.cell)).as_uri())
    page.wait_for_selector("body[data-ready]")
    assert page.locator("#rules tbody tr").count() == 4
    assert page.locator("#rules a").count() == 3
    assert page.locator(f"#rules tr[data-rule='{gone.cell}'] a").count() == 0
    assert page.locator("#accepted a, #rejected a").count() == 0
    out = written(replace(chapter, queries=None), pages, tmp_path / "none")
    page.goto((out / pages.page("openset", ranking.cell)).as_uri())
    assert "were not kept" in (page.locator("main").text_content() or "")
    assert page.locator("#rules tbody tr").count() == 4
    assert page.locator("#rules a, form").count() == 0


def test_a_store_without_what_the_rules_said_is_told(
    chapter: Chapter, ranking: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: Replay) -> Decisions:
        raise Gone("the result of the stage decide")

    monkeypatch.setattr(Replay, "decisions", property(gone))
    assert scores(chapter, ranking) == []
    pages = replace(contents(chapter, Limits()), openset=(ranking.cell,))
    text = (written(chapter, pages, tmp_path / "out") / pages.page("openset", ranking.cell)).read_text()
    assert "the store no longer has what the rules said" in text
    assert "openset-data" not in text
