"""A row's page: its numbers are the record's, and its command runs it again."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from rows import metric, record

from harness.cli import main
from harness.record import Metric
from harness.report.chapter import Chapter
from harness.report.pages.row import again, curve, history, part, percents, short, stages, title

if TYPE_CHECKING:
    from conftest import Made
    from playwright.sync_api import Page


def test_a_curve_has_every_k_in_order() -> None:
    found = curve(record("a", metrics={"R-10": metric(0.5), "R-1": metric(0.25), "R-1 no leak": metric(0.1)}), "x")
    assert [(row["k"], row["value"]) for row in found] == [(1, 25.0), (10, 50.0)]


def test_without_an_interval_the_value_stands_for_it() -> None:
    assert percents(Metric(value=0.5, n=1)) == {"value": 50.0, "low": 50.0, "high": 50.0}
    assert percents(Metric(value=None, n=0)) == {"value": None, "low": None, "high": None}


def test_parts_and_policies_are_views() -> None:
    views = {
        "dataset=A": {"R-1": metric(0.5)},
        "dataset=B": {"R-1": metric(0.1)},
        "level=identity": {"R-1": metric(0.7)},
    }
    row = record("a", views=views)
    assert [found["part"] for found in part(row, "dataset")] == ["A", "B"]
    assert [found["part"] for found in part(row, "level")] == ["level=identity"]
    assert part(row, "species") == []


def test_a_training_is_told_by_epoch() -> None:
    row = record("a", history=({"epoch": 1, "loss": 3.0, "validation_r1": 0.1}, {"epoch": 2, "loss": 2.0}))
    assert history(row, "loss") == [{"epoch": 1, "value": 3.0}, {"epoch": 2, "value": 2.0}]
    assert history(row, "validation_r1", 100) == [{"epoch": 1, "value": 10.0}]


def test_stages_tell_where_they_came_from() -> None:
    row = record("a", seconds={"train": 2.0, "embed": 1.0}, cached={"train": True, "embed": False})
    assert [found["source"] for found in stages(row)] == ["found in the store", "computed in this run"]


@pytest.mark.parametrize("grid", ["demo", "cell"])
def test_the_command_is_one_that_there_is(grid: str) -> None:
    row = record("a", grid=grid, backbone="timm[model=x,size=32]", matcher="mutual-nn[max_keypoints=3]", loss="arcface")
    program, *words = shlex.split(again(row))
    assert program == "harness"
    command = main.commands[words[0]]
    chosen = command.make_context("run", words[1:]).params
    if grid == "cell":
        assert chosen["backbone"] == ("timm[model=x,size=32]",)
    else:
        assert chosen["grid"] == grid
        assert "backbone=timm[model=x,size=32]" in chosen["only"]
    assert again(record("a", kind="reference")) == ""


def test_a_title_leaves_out_what_is_not_there() -> None:
    assert title(record("a", backbone="net", loss="none", matcher="none", fusion="none", seed=0)) == "net"
    assert (
        title(record("a", backbone="net", loss="arcface", matcher="m", fusion="sum", seed=3))
        == "net / arcface / m / sum / seed 3"
    )


def test_a_short_title_has_names_alone() -> None:
    matcher = "m[features=sift[a=1],b=2]"
    row = record("a", backbone="timm[model=x,size=3]", loss="arcface", matcher=matcher, fusion="sum[c=1]")
    assert short(row).startswith("timm / arcface / m / sum")


@pytest.mark.slow
def test_the_page_has_the_numbers_of_the_record(made: Made, chapter: Chapter, opened: Callable[[str], Page]) -> None:
    trained = next(row for row in chapter.rankings if row.loss == "arcface" and row.fusion == "sum")
    page = opened(f"{made.chapter}/row-{trained.cell}.html")
    text = page.locator("main").text_content() or ""
    found = trained.metrics["balanced accuracy"]
    assert found.value is not None
    assert f"{100 * found.value:.1f} (" in text
    assert trained.protocol_hash in text
    assert page.locator("figure[data-drawn]").count() == page.locator("figure[data-chart]").count() > 5
    links = page.locator("nav.pages a").all_text_contents()
    assert links == ["In the table", "Queries", "Matches", "Known or new", "Atlas", "Compare with another row"]
    page.get_by_role("link", name="In the table").click()
    assert page.locator("tr.marked").get_attribute("id") == f"row-{trained.cell}"
