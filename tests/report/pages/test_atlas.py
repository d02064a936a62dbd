"""The atlas: every photograph once, coloured by what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from harness.report.chapter import Chapter

if TYPE_CHECKING:
    from conftest import Made
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow


@pytest.fixture
def atlas(made: Made, opened: Callable[[str], Page]) -> Page:
    path = sorted((made.out / made.chapter).glob("atlas-*.html"))[0]
    page = opened(f"{made.chapter}/{path.name}")
    page.wait_for_selector("#atlas[data-drawn]")
    return page


def test_every_photograph_is_a_point(atlas: Page, chapter: Chapter) -> None:
    assert chapter.data is not None
    assert atlas.locator("#atlas .mark-symbol path").count() == len(chapter.data.table)
    atlas.locator("summary").click()
    atlas.wait_for_function(f"document.querySelectorAll('#photographs tbody tr').length == {len(chapter.data.table)}")


def test_colours_and_legend_follow_the_choice(atlas: Page) -> None:
    assert atlas.locator("#legend li").count() == 4
    atlas.locator("select[name=by]").select_option("species")
    atlas.wait_for_selector("#atlas[data-by=species]")
    assert atlas.locator("#legend li").count() == 3
    fills = "new Set([...document.querySelectorAll('#atlas .mark-symbol path')].map(p => p.getAttribute('fill'))).size"
    assert atlas.evaluate(fills) == 3
    atlas.locator("select[name=by]").select_option("identity")
    atlas.wait_for_selector("#atlas[data-by=identity]")
    assert atlas.locator("#legend li").count() == 0
    assert "by=identity" in atlas.url


def test_an_individual_can_be_highlighted(atlas: Page, chapter: Chapter) -> None:
    assert chapter.data is not None
    name = str(chapter.data.table.identity[0])
    atlas.locator("input[name=search]").fill(name)
    count = int((chapter.data.table.identity == name).sum())
    atlas.wait_for_function(f"document.getElementById('told').textContent == '{count} photographs'")


def test_a_point_tells_its_photograph(atlas: Page) -> None:
    point = atlas.locator("#atlas .mark-symbol path").first
    point.scroll_into_view_if_needed()
    point.hover(force=True)
    tooltip = atlas.locator("#vg-tooltip-element.visible")
    tooltip.wait_for()
    assert tooltip.locator("img").count() == 1
    assert "identity" in (tooltip.text_content() or "")
