"""The page of matches: its list, its drawing, and what it says where something is lacking."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from harness.errors import HarnessError
from harness.progress import Quiet
from harness.registry import Registry
from harness.replay import Gone, Replay, SeenPair
from harness.report.answers import Answers
from harness.report.book import _assets
from harness.report.chapter import Chapter, chapters
from harness.report.contents import Contents, contents
from harness.report.drawn import drawn_pairs
from harness.report.limits import Limits
from harness.report.pages import matches
from harness.report.pair import CLASSES, drawn
from harness.report.photos import Photos
from harness.report.site import Site
from harness.report.work import Work
from harness.results import Results
from harness.store import Store

if TYPE_CHECKING:
    from conftest import Made
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
NASTY = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
GEOMETRY = "harness.report.pair._checked"


@pytest.fixture
def chapter(made: Made, tmp_path: Path) -> Chapter:
    # Thumbnails are kept in the store, so it is a copy.
    store = Path(shutil.copytree(made.store, tmp_path / "store"))
    (chapter,) = chapters(Results(made.results), Store(store), Registry.load(), Quiet())
    return chapter


def written(chapter: Chapter, out: Path, limits: Limits = Limits(), photographs: int = 5000) -> tuple[str, Contents]:  # noqa: B008
    """Write the pages of matches alone; gives the HTML of the first of them."""
    site = Site(out)
    pages = contents(chapter, limits)
    _assets(site)
    site.write("assets/charts.js", b"")
    matches.write(Work(site, Photos(site, chapter.store, photographs), limits, Quiet()), chapter, pages)
    return (out / pages.page("matches", pages.matches[0])).read_text(), pages


def first(chapter: Chapter, pages: Contents) -> Replay:
    replay = chapter.replay(next(record for record in chapter.rankings if record.cell == pages.matches[0]))
    assert replay is not None
    return replay


def taken(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(re.sub(r"^reid\.take\([^,]*, ", "", path.read_text())[: -len(");\n")])
    return read


def data_of(out: Path, pages: Contents) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((out / pages.folder / "data").glob(f"pair-{pages.matches[0]}-*.js")):
        yield "-".join(path.stem.split("-")[-2:]), taken(path)


def test_every_chosen_pair_has_a_line_and_its_matches(chapter: Chapter, tmp_path: Path) -> None:
    html, pages = written(chapter, tmp_path / "site", Limits(pairs=8))
    replay = first(chapter, pages)
    pairs = drawn_pairs(replay, Answers.of(replay), 8)
    assert re.findall(r'data-pair="([^"]+)"', html) == [f"{query}-{gallery}" for query, gallery in pairs]
    told = dict(data_of(tmp_path / "site", pages))
    assert set(told) == {f"{query}-{gallery}" for query, gallery in pairs}
    for pair in drawn(replay, pairs):
        data = told[f"{pair.query}-{pair.gallery}"]
        assert data["words"] == pair.words
        assert data["stored"] == len(pair) == len(data["matches"])
        assert [side["size"] for side in data["sides"]] == [list(size) for size in pair.sizes]
        for side, points in zip(data["sides"], pair.keypoints, strict=True):
            assert np.abs(np.reshape(side["points"], (-1, 2)) - points).max() <= 0.0501
            assert (tmp_path / "site" / side["photo"]).is_file()
        scores = [match[2] for match in data["matches"]]
        assert scores == sorted(scores, reverse=True)
        ours = {(a, b): CLASSES[place] for a, b, _, place in data["matches"]}
        assert ours == dict(zip(map(tuple, pair.indices.tolist()), pair.classes.tolist(), strict=True))


def test_places_and_answers_are_those_of_the_ranking(chapter: Chapter, tmp_path: Path) -> None:
    html, pages = written(chapter, tmp_path / "site")
    replay = first(chapter, pages)
    found = re.findall(
        r'data-pair="(\d+)-(\d+)".*?data-axis="kind">([^<]+)<.*?data-axis="answer" class="(?:good|bad)">(\w+)<'
        r'.*?<td class="number" data-value="(\d+)">(?:<span class="note">(\d+) →</span> )?',
        html,
        re.DOTALL,
    )
    assert len(found) == html.count("data-pair=")
    assert {kind for _, _, kind, *_ in found} >= {"rescued", "wrong", "new"}
    for query, gallery, _, answer, after, before in found:
        q, g = int(query), int(gallery)
        assert replay.final.order[q, int(after) - 1] == g
        assert replay.coarse.order[q, int(before or after) - 1] == g
        assert answer == ("right" if replay.query.identity[q] == replay.gallery.identity[g] else "wrong")


def test_what_the_store_has_lost_is_said_on_the_page(chapter: Chapter, tmp_path: Path) -> None:
    shutil.rmtree(chapter.store.root / "collections" / "describe")
    html, _ = written(chapter, tmp_path / "site")
    assert "The store no longer has the result of the stage describe: run the grid again" in html
    assert "data-pair" not in html


def test_a_matcher_that_cannot_run_is_said_and_what_was_found_stays(
    chapter: Chapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = Replay.matches, list[int]()

    def failing(self: Replay, pairs: Sequence[tuple[int, int]]) -> list[SeenPair]:
        calls.append(len(pairs))
        if len(calls) % 2 == 0:
            raise HarnessError("no <b>weights</b>", "Download them.")
        return whole(self, pairs)

    monkeypatch.setattr(Replay, "matches", failing)
    html, _ = written(chapter, tmp_path / "site", Limits(pairs=15))
    assert "cannot be found again here: no &lt;b&gt;weights&lt;/b&gt;" in html
    assert html.count("data-pair=") == 10


def test_lost_counts_are_no_reason_to_draw_nothing(
    chapter: Chapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(self: Replay) -> None:
        raise Gone("the pair scores")

    monkeypatch.setattr(Replay, "local", property(gone))
    html, pages = written(chapter, tmp_path / "site", Limits(pairs=3))
    assert html.count("data-pair=") == 3
    assert "no longer" not in html
    assert all(data["stored"] is None for _, data in data_of(tmp_path / "site", pages))


def test_another_count_than_the_run_had_is_said(
    chapter: Chapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    monkeypatch.setattr(matches, "_stored", lambda *_: 1234)
    html, pages = written(chapter, tmp_path / "site", Limits(pairs=3))
    assert html.count("the run counted 1234") == 3
    show(page, tmp_path / "site", pages)
    assert "The run counted 1234 matches; another version" in page.locator("#legend").inner_text()


# ---- in a browser


def show(page: Page, out: Path, pages: Contents, hash_: str = "") -> Page:
    page.goto(f"{out.as_uri()}/{pages.page('matches', pages.matches[0])}{hash_}")
    page.wait_for_selector("#drawing[data-pair]")
    return page


def data_on(page: Page) -> dict[str, Any]:
    """The data of the pair that is drawn."""
    script = "reid.load(document.querySelector('#pairs tr.marked').dataset.path)"
    data: dict[str, Any] = page.evaluate(script)
    return data


@pytest.fixture
def drawing(made: Made, opened: Callable[[str], Page]) -> Page:
    path = sorted((made.out / made.chapter).glob("matches-*.html"))[0]
    page = opened(f"{made.chapter}/{path.name}")
    page.wait_for_selector("#drawing[data-pair]")
    return page


@pytest.mark.parametrize(("width", "stacked"), [(1280, False), (360, True)])
def test_lines_end_where_the_keypoints_are(drawing: Page, width: int, stacked: bool) -> None:
    drawing.set_viewport_size({"width": width, "height": 900})
    drawing.wait_for_function(
        "stacked => {"
        "const [a, b] = [...document.querySelectorAll('#drawing rect')].map(r => r.getBoundingClientRect());"
        "return stacked ? b.top >= a.bottom : b.left >= a.right; }",
        arg=stacked,
    )
    data = data_on(drawing)
    assert data["sides"][0]["size"][0] != data["sides"][0]["size"][1], "the photograph is not square"
    assert data["matches"]
    box = "r => { const {x, y, width, height} = r.getBoundingClientRect(); return [x, y, width, height]; }"
    boxes = drawing.locator("#drawing image").evaluate_all(f"all => all.map({box})")
    for side, (_, _, w, h) in zip(data["sides"], boxes, strict=True):
        assert w / h == pytest.approx(side["size"][0] / side["size"][1], rel=0.01)
    ends = drawing.locator("#drawing circle.end").evaluate_all(f"all => all.map({box})")
    centres = [(x + w / 2, y + h / 2) for x, y, w, h in ends]
    expected = []
    for match in reversed(data["matches"]):
        for number, side in enumerate(data["sides"]):
            (x, y, w, h), (width_, height_) = boxes[number], side["size"]
            px, py = side["points"][match[number]]
            expected.append((x + px * w / width_, y + py * h / height_))
    assert np.abs(np.array(centres) - np.array(expected)).max() < 1
    assert drawing.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_layers_and_the_strongest_choose_what_is_drawn(drawing: Page) -> None:
    data = data_on(drawing)
    lines = "Number(document.getElementById('drawing').dataset.lines)"
    assert drawing.evaluate(lines) == len(data["matches"])
    assert not drawing.locator("#drawing .point").count()
    drawing.get_by_role("button", name="Other keypoints").click()
    met = [len({match[side] for match in data["matches"]}) for side in (0, 1)]
    unmatched = sum(len(side["points"]) for side in data["sides"]) - sum(met)
    assert drawing.locator("#drawing .point:not(.halo)").count() == unmatched
    drawing.get_by_role("button", name="Matches", exact=True).click()
    assert drawing.evaluate(lines) == sum(match[3] != 0 for match in data["matches"])
    drawing.get_by_role("button", name="Matches", exact=True).click()
    drawing.locator("#strongest").fill("50")
    kept = int(len(data["matches"]) * 0.5 + 0.5)
    assert drawing.evaluate(lines) == kept
    assert drawing.locator("#strength").inner_text() == f"{kept} of {len(data['matches'])}"
    assert drawing.get_by_role("button", name="Outliers").is_disabled(), "nothing was checked"
    assert "no geometric check" in drawing.locator("#legend").inner_text()
    assert drawing.locator("#matches tbody tr").count() == len(data["matches"])


def test_classes_are_told_by_dashes_and_not_by_colour_alone(
    chapter: Chapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Page, accessible: Callable[[Page], None]
) -> None:
    whole = Replay.matches

    def checked(self: Replay, pairs: Sequence[tuple[int, int]]) -> list[SeenPair]:
        found = whole(self, pairs)
        return [
            replace(seen, matches=replace(seen.matches, inliers=np.arange(len(seen.matches.indices)) % 2 == 1))
            for seen in found
        ]

    monkeypatch.setattr(Replay, "matches", checked)
    monkeypatch.setattr(GEOMETRY, lambda replay: True)
    html, pages = written(chapter, tmp_path / "site")
    names = re.findall(r'data-pair="([^"]+)"', html)
    told = dict(data_of(tmp_path / "site", pages))
    name = next(name for name in names if {match[3] for match in told[name]["matches"]} == {0, 1, 2})
    show(page, tmp_path / "site", pages, f"#pair={name}")
    dash = "(all, name) => getComputedStyle(all.find(l => l.classList.contains(name))).strokeDasharray"
    lines = page.locator("#drawing line.line")
    dashes = [lines.evaluate_all(dash, kind) for kind in ("match", "background", "outlier")]
    assert dashes[0] == "none"
    assert len(set(dashes)) == 3
    counts = [sum(match[3] == place for match in told[name]["matches"]) for place in range(3)]
    for kind, count in zip(("match", "background", "outlier"), counts, strict=True):
        assert page.locator(f"#drawing line.line.{kind}").count() == count
        page.locator(f'[data-layer="{kind}"]').click()
        assert page.locator(f"#drawing line.line.{kind}").count() == 0
    assert "agree with one geometry" in page.locator("#words").inner_text()
    accessible(page)


def test_a_pair_is_chosen_stepped_and_shared(drawing: Page) -> None:
    rows = drawing.locator("#pairs tbody tr")
    names = rows.evaluate_all("all => all.map(row => row.dataset.pair)")
    state = "document.getElementById('drawing').dataset.pair"
    assert drawing.evaluate(state) == names[0]
    drawing.get_by_role("button", name="Next pair").click()
    drawing.wait_for_selector(f'#drawing[data-pair="{names[1]}"]')
    assert f"pair={names[1]}" in drawing.url
    for _ in range(2):
        drawing.get_by_role("button", name="Previous pair").click()
    drawing.wait_for_selector(f'#drawing[data-pair="{names[-1]}"]')
    rows.nth(3).get_by_role("link", name=re.compile("^Draw ")).click()
    drawing.wait_for_selector(f'#drawing[data-pair="{names[3]}"]')
    assert rows.nth(3).get_attribute("aria-current") == "true"
    assert drawing.evaluate("document.activeElement.id") == "drawn-title"
    drawing.reload()
    drawing.wait_for_selector(f'#drawing[data-pair="{names[3]}"]')
    label = drawing.locator("#drawing svg").get_attribute("aria-label") or ""
    assert data_on(drawing)["words"] in label


def test_filters_hold_for_the_steps_and_stay_in_the_address(drawing: Page) -> None:
    kind = drawing.locator('form[data-for="pairs"] select[name="kind"]')
    kind.select_option("wrong")
    names = drawing.locator("#pairs tbody tr:not([hidden])").evaluate_all("all => all.map(row => row.dataset.pair)")
    assert len(names) > 1
    drawing.get_by_role("button", name="Previous pair").click()  # what is drawn is none of them: begin at the last
    drawing.wait_for_selector(f'#drawing[data-pair="{names[-1]}"]')
    drawing.get_by_role("button", name="Next pair").click()
    drawing.wait_for_selector(f'#drawing[data-pair="{names[0]}"]')
    drawing.locator("#pairs tbody tr:not([hidden])").first.get_by_role("link", name=re.compile("^Draw ")).click()
    drawing.wait_for_selector(f'#drawing[data-pair="{names[0]}"]')
    assert "pairs.kind=wrong" in drawing.url, "choosing a pair keeps the filter"
    drawing.locator('form[data-for="pairs"] input[name="search"]').fill("no such animal")
    drawing.get_by_role("button", name="Next pair").click()
    assert drawing.locator("#drawing").get_attribute("data-pair") == names[0]


def test_a_window_of_no_size_does_no_harm(drawing: Page) -> None:
    drawing.evaluate("Object.defineProperty(window, 'innerHeight', { value: 0 }); dispatchEvent(new Event('resize'))")
    radii = drawing.locator("#drawing circle.end").evaluate_all("all => all.map(c => Number(c.getAttribute('r')))")
    assert radii
    assert np.isfinite(radii).all()


def test_a_pair_that_is_not_drawn_is_told(drawing: Page) -> None:
    drawing.evaluate("location.hash = '#pair=999-0'")
    drawing.wait_for_function("document.getElementById('words').textContent.includes('none of those that are drawn')")
    assert not drawing.locator("#drawing svg").count()
    drawing.get_by_role("button", name="Next pair").click()
    drawing.wait_for_selector("#drawing svg")


def test_text_from_data_stays_text(
    chapter: Chapter, tmp_path: Path, page: Page, accessible: Callable[[Page], None]
) -> None:
    assert chapter.data is not None
    table = chapter.data.table
    named = replace(
        table,
        identity=np.array([f"{NASTY}{name}" for name in table.identity]),
        image_id=np.array([f"{name}{NASTY}" for name in table.image_id]),
    )
    hostile = replace(chapter, data=replace(chapter.data, table=named))
    html, pages = written(hostile, tmp_path / "site", Limits(pairs=4))
    assert "<img src=x" not in html
    for path in (tmp_path / "site" / pages.folder / "data").glob("*.js"):
        assert "<" not in path.read_text()
    page.on("dialog", lambda dialog: pytest.fail("a script from data has run"))
    show(page, tmp_path / "site", pages)
    assert NASTY in page.locator("#words").inner_text()
    assert NASTY in (page.locator("#drawing svg").get_attribute("aria-label") or "")
    assert page.locator("img[src='x']").count() == 0
    accessible(page)


def test_photographs_beyond_the_limit_leave_a_plain_ground(chapter: Chapter, tmp_path: Path, page: Page) -> None:
    html, pages = written(chapter, tmp_path / "site", Limits(pairs=4), photographs=1)
    assert "not shown" in html
    names = re.findall(r'data-pair="([^"]+)"', html)
    show(page, tmp_path / "site", pages, f"#pair={names[-1]}")
    assert page.locator("#drawing image").count() < 2
    assert page.locator("#drawing rect.ground").count() == 2
    assert page.locator("#drawing circle.end").count() == 2 * len(data_on(page)["matches"])
    assert "A photograph is not shown" in page.locator("#legend").inner_text()
