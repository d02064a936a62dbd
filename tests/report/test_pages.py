"""Every page of a report: it opens from disk, is accessible in both themes, and asks for nothing from outside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Made
    from playwright.sync_api import Page

KINDS = ("index", "table", "row", "queries", "matches", "openset", "compare", "audits", "atlas")


def first_of(kind: str, out: Path, chapter: str) -> str:
    if kind == "index":
        return "index.html"
    if kind == "table":
        return f"{chapter}/index.html"
    found = sorted(path.name for path in (out / chapter).glob(f"{kind}*.html"))
    return f"{chapter}/{found[0]}" if found else ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_opens_and_is_accessible(
    kind: str,
    theme: str,
    made: Made,
    opened: Callable[[str], Page],
    accessible: Callable[[Page], None],
    shot: Callable[[str], None],
) -> None:
    path = first_of(kind, made.out, made.chapter)
    assert path, f"there is no page of the kind {kind}"
    page = opened(path)
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    accessible(page)
    shot(f"{kind}-{theme}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_fits_a_phone_and_paper(kind: str, made: Made, opened: Callable[[str], Page]) -> None:
    page = opened(first_of(kind, made.out, made.chapter))
    page.set_viewport_size({"width": 360, "height": 740})
    beyond = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    page.wait_for_function(f"{beyond} <= 0")
    page.emulate_media(media="print")
    assert not page.locator("header.site button").first.is_visible()
    assert page.locator("h1").is_visible()
