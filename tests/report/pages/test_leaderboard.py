"""The leaderboard's page: sorted, filtered, copied, and linked to as a reader would."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from harness.leaderboard.tables import training
from harness.report.chapter import Chapter
from harness.report.contents import contents
from harness.report.limits import Limits
from harness.report.pages.leaderboard import _line, board, untested

if TYPE_CHECKING:
    from conftest import Made
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
COLUMN = "[...document.querySelectorAll('#{}>tbody>tr:not([hidden])')].map(r => r.querySelectorAll('td,th')[{}])"


@pytest.fixture
def table(made: Made, opened: Callable[[str], Page]) -> Page:
    return opened(f"{made.chapter}/index.html")


def names(page: Page, table: str = "rankings") -> list[str]:
    heads: list[str] = page.evaluate(
        f"[...document.querySelectorAll('#{table}>thead th')].map(h => h.textContent.trim())"
    )
    return heads


def values(page: Page, column: str, table: str = "rankings") -> list[Any]:
    place = names(page, table).index(column)
    found: list[Any] = page.evaluate(COLUMN.format(table, place) + ".map(c => c.dataset.value ?? c.textContent.trim())")
    return found


def numbers(texts: list[str]) -> list[float]:
    return [float(text) for text in texts if text]


def test_a_click_sorts_a_column_and_another_one_turns_it(table: Page) -> None:
    for column in ("R-5", "tie rate"):
        button = table.locator("#rankings thead").get_by_role("button", name=column, exact=True)
        button.click()
        falling = values(table, column)
        assert numbers(falling) == sorted(numbers(falling), reverse=True)
        assert falling == sorted(falling, key=lambda text: not text), "nothing comes last"
        button.click()
        rising = values(table, column)
        assert numbers(rising) == sorted(numbers(rising))
        assert rising == sorted(rising, key=lambda text: not text)
        head = table.locator("#rankings th[aria-sort]")
        assert head.get_attribute("aria-sort") == "ascending"
        assert head.count() == 1
    table.locator("#rankings thead").get_by_role("button", name="loss", exact=True).press("Enter")
    assert values(table, "loss") == sorted(values(table, "loss"))


def test_filters_keep_the_rows_that_have_the_value(table: Page, chapter: Chapter) -> None:
    form = table.locator('form[data-for="rankings"]')
    form.locator("select[name=loss]").select_option("arcface")
    expected = [record for record in chapter.rankings if record.loss == "arcface"]
    assert values(table, "loss") == ["arcface"] * len(expected)
    assert form.locator(".count").text_content() == f"{len(expected)} of {len(chapter.rankings)} rows"
    form.locator("input[name=search]").fill("MUTUAL sum")
    assert values(table, "fusion") == ["sum"]
    form.get_by_role("button", name="Show all").click()
    table.wait_for_function(
        f"document.querySelectorAll('#rankings tbody tr:not([hidden])').length == {len(chapter.rankings)}"
    )
    assert "search" not in table.url


def test_what_is_seen_can_be_linked_to(table: Page, page: Page) -> None:
    table.locator('form[data-for="rankings"] select[name=fusion]').select_option("sum")
    table.locator("#rankings thead").get_by_role("button", name="R-10", exact=True).click()
    seen, address = values(table, "R-10"), table.url
    page.goto("about:blank")
    page.goto(address)
    assert values(page, "R-10") == seen
    assert values(page, "fusion") == ["sum"] * len(seen)


def test_a_permalink_marks_its_row(table: Page, page: Page, chapter: Chapter) -> None:
    cell = chapter.rankings[3].cell
    table.locator(f"#row-{cell} a[href^='#']").click()
    assert table.url.endswith(f"#row-{cell}")
    assert table.locator("tr.marked").get_attribute("id") == f"row-{cell}"


def test_a_permalink_to_a_row_that_a_filter_hides_shows_it(table: Page, chapter: Chapter) -> None:
    hidden = next(record for record in chapter.rankings if record.loss == "none")
    form = table.locator('form[data-for="rankings"]')
    form.locator("select[name=loss]").select_option("arcface")
    assert not table.locator(f"#row-{hidden.cell}").is_visible()
    table.evaluate("name => { location.hash = name; }", f"row-{hidden.cell}")
    table.locator(f"tr.marked#row-{hidden.cell}").wait_for()
    arcface = sum(record.loss == "arcface" for record in chapter.rankings)
    assert form.locator(".count").text_content() == f"{arcface + 1} of {len(chapter.rankings)} rows"


@pytest.mark.parametrize("address", ["%", "row-%E0%A4%A", "row-nobody", "rankings.loss=nobody&rankings.sort=nothing"])
def test_an_address_that_means_nothing_breaks_nothing(address: str, table: Page, page: Page, chapter: Chapter) -> None:
    plain = table.url
    page.goto("about:blank")
    page.goto(f"{plain}#{address}")
    assert page.locator("#rankings > tbody > tr:visible").count() == len(chapter.rankings)


def copied(page: Page, table: str, form: str) -> str:
    found: str = page.evaluate("([id, form]) => reid.table.copied(document.getElementById(id), form)", [table, form])
    return found


def test_a_copy_has_the_rows_that_are_seen(table: Page, chapter: Chapter) -> None:
    table.locator('form[data-for="rankings"] select[name=loss]').select_option("arcface")
    rows = list(csv.reader(io.StringIO(copied(table, "rankings", "csv"))))
    shown = [record for record in chapter.rankings if record.loss == "arcface"]
    assert len(rows) == len(shown) + 1
    assert {len(row) for row in rows} == {len(rows[0])}
    metric = shown[0].metrics["R-1"]
    assert metric.value is not None
    place = names(table).index("R-1")
    assert rows[1][place].startswith(f"{100 * metric.value:.1f} (")
    lines = copied(table, "rankings", "markdown").splitlines()
    assert len(lines) == len(shown) + 2
    assert all(line.startswith("| ") and line.endswith(" |") for line in lines)
    latex = copied(table, "rankings", "latex")
    assert latex.startswith("\\begin{tabular}{")
    assert "max\\_keypoints" in latex


FORMULAS = ["=1+1", "@SUM(A1)", "-2 +3+cmd|' /C calc'!A0", "+HYPERLINK(1)"]
EVIL = [
    "a|b",
    "50 % & $x_1 #2 {~^}",
    'say "hi", you',
    *FORMULAS,
    "-3.5",
    "+12.0",
    "-",
    "<script>alert(1)</script>",
    "back\\slash",
]


def test_copies_escape_what_their_form_gives_a_meaning(table: Page) -> None:
    table.evaluate(
        """texts => { const body = document.querySelector('#rankings tbody'); body.replaceChildren(...texts.map(text =>
        reid.make('tr', {}, reid.make('td', {}, text)))); const head = document.querySelector('#rankings thead tr');
        head.replaceChildren(reid.make('th', {}, 'text')); }""",
        EVIL,
    )
    rows = [row[0] for row in csv.reader(io.StringIO(copied(table, "rankings", "csv")))][1:]
    assert rows == [f"'{text}" if text in FORMULAS else text for text in EVIL]
    markdown = copied(table, "rankings", "markdown").splitlines()[2:]
    assert markdown[0] == "| a\\|b |"
    assert not any("<script>" in line for line in markdown)
    assert "| 50 % \\& \\$x\\_1 #2 {\\~^} |" in markdown
    latex = copied(table, "rankings", "latex")
    assert r"50 \% \& \$x\_1 \#2 \{\textasciitilde{}\textasciicircum{}\}" in latex
    assert r"back\textbackslash{}slash" in latex
    assert r"\textless{}script\textgreater{}" in latex


def test_a_page_that_may_not_write_the_clipboard_shows_the_text(table: Page) -> None:
    refuse = "() => { if (navigator.clipboard) navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }"
    table.evaluate(refuse)
    bar = table.locator('.copy[data-for="decisions"]')
    bar.get_by_role("button", name="Copy as CSV").click()
    area = bar.locator("textarea")
    area.wait_for()
    assert area.input_value() == copied(table, "decisions", "csv")


def test_the_best_row_and_those_like_it_are_told(table: Page, chapter: Chapter) -> None:
    told = values(table, "against the best")
    texts: list[str] = table.evaluate(
        COLUMN.format("rankings", names(table).index("against the best")) + ".map(c => c.textContent.trim())"
    )
    assert sum(text == "best" for text in texts) == 1
    equal = [d for d in chapter.tests.best.values() if not d.finding]
    assert sum("not significantly different" in text for text in texts) == len(equal)
    assert len(told) == len(chapter.rankings)


def test_bars_are_on_one_scale(table: Page, chapter: Chapter) -> None:
    high = "Number(getComputedStyle(bar).getPropertyValue('--high'))"
    highs: list[float] = table.evaluate(f"[...document.querySelectorAll('#rankings .bar')].map(bar => {high})")
    assert len(highs) == sum(record.metrics["R-1"].low is not None for record in chapter.rankings)
    assert max(highs) == pytest.approx(1.0, abs=1e-3)


def test_costs_and_licences_stand_in_the_row(table: Page, chapter: Chapter) -> None:
    matched = [record for record in chapter.rankings if "pairs" in record.counts]
    assert matched
    assert [int(text) for text in values(table, "pairs") if text] == [record.counts["pairs"] for record in matched]
    assert any("mutual-nn: Apache-2.0" in text for text in values(table, "licence"))
    assert set(values(table, "device")) == {"cpu", ""}
    assert table.locator("#rankings .licence strong").first.text_content() == "CC BY-NC 4.0"


def test_a_filter_offers_the_values_that_rows_have(table: Page, chapter: Chapter) -> None:
    offered = table.locator('form[data-for="rankings"] select[name=training] option').all_text_contents()
    assert offered == ["all", *sorted({training(record) for record in chapter.rankings} - {""})]


def test_without_its_queries_a_table_has_no_tests_and_says_why(chapter: Chapter) -> None:
    bare = replace(chapter, queries=None)
    assert not bare.tests.best
    assert untested(bare).startswith("No paired tests: the queries")
    assert untested(chapter) == ""
    line = _line(bare.rankings[0], bare.rankings[0].cell, bare, contents(bare, Limits()))
    assert (line.verdict, line.best, line.coarse) == ("", None, None)


def test_axes_that_are_the_same_everywhere_are_no_columns(chapter: Chapter) -> None:
    pages = contents(chapter, Limits())
    lines = [_line(record, record.cell, chapter, pages) for record in chapter.rankings]
    found = board(lines, ["R-1"])
    assert found.common == {"seed": "0"}
    assert list(found.varying) == ["backbone", "loss", "matcher", "fusion", "training"]
    assert found.values("loss") == ["arcface", "none"]
    assert board([], []).lines == []
