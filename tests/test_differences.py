"""Findings of a table: families, correction, arms and seeds, on rows made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import metric, record

from harness import leaderboard as board
from harness.leaderboard.differences import arms, differences
from harness.leaderboard.seeds import spreads
from harness.record import RunRecord, pack_hits
from harness.results import Queries

N = 120
QUERIES = Queries(
    np.array([f"q{i}" for i in range(N)]),
    np.array([f"a{i // 2}" for i in range(N)]),
    np.arange(N) < 100,
    np.zeros(N, bool),
)


def row(cell: str, right: int, **fields: Any) -> RunRecord:
    """A row that is right on the first ``right`` queries."""
    hits = np.where(np.arange(N) < right, 1, 7)
    given = {"matcher": "none", "fusion": "none", "metrics": {"R-1": metric(min(right, 100) / 100)}, **fields}
    return record(cell, first_hits=pack_hits(hits), **given)


def group() -> list[RunRecord]:
    matched = {"matcher": "sift"}
    return [
        row("base1", 40, backbone="one"),
        row("up1", 60, backbone="one", fusion="sum", **matched),
        row("down1", 20, backbone="one", fusion="replace", **matched),
        row("base2", 50, backbone="two"),
        row("up2", 52, backbone="two", fusion="sum", **matched),
        row("down2", 51, backbone="two", fusion="replace", **matched),
        record("chance", kind="reference", backbone="chance", metrics={"R-1": metric(0.01)}),
    ]


def test_a_re_ranked_row_is_compared_with_its_own_backbone_and_all_with_the_best() -> None:
    found = differences(group(), QUERIES)
    by_cell = {d.row.cell: d for d in found.coarse.values()}
    assert {cell: d.other.cell for cell, d in by_cell.items()} == {
        "up1": "base1",
        "down1": "base1",
        "up2": "base2",
        "down2": "base2",
    }
    assert by_cell["up1"].test.difference.value == pytest.approx(0.2)
    assert by_cell["up1"].test.better == 20
    assert by_cell["up1"].finding
    assert by_cell["down1"].finding
    assert not by_cell["up2"].finding
    assert {d.other.cell for d in found.best.values()} == {"up1"}
    assert len(found.best) == 5, "not the reference row"


def test_the_correction_grows_with_the_number_of_rows() -> None:
    few = differences(group()[:2], QUERIES).coarse
    many = differences(group(), QUERIES).coarse
    p = {d.row.cell: d.p for d in many.values()}
    assert next(iter(few.values())).p < p["up1"]


def test_the_best_row_is_the_one_with_most_right_answers_whatever_the_order() -> None:
    for rows in (group(), group()[::-1]):
        found = {d.row.cell: d for d in differences(rows, QUERIES).best.values()}
        assert {d.other.cell for d in found.values()} == {"up1"}
        assert found["down1"].finding
        assert not found["up2"].finding


def test_an_arm_is_judged_over_the_backbones() -> None:
    first, second = arms(differences(group(), QUERIES))
    assert (first.fusion, first.rows, first.better, first.worse) == ("sum", 2, 1, 0)
    assert (second.fusion, second.better, second.worse) == ("replace", 0, 1)
    assert (second.least, second.most) == (pytest.approx(-20), pytest.approx(1))


def test_rows_that_differ_in_their_open_set_rule_are_one_ranking() -> None:
    rows = [*group(), row("base1b", 40, backbone="one", openset="fixed")]
    assert len(differences(rows, QUERIES).best) == 5


def test_without_the_queries_nothing_is_claimed() -> None:
    assert not differences(group(), None).best
    assert "| vs best |" not in board.markdown(group())


def test_rows_of_other_queries_are_left_out() -> None:
    short = record("short", first_hits=pack_hits(np.ones(3, np.int64)), backbone="three", matcher="none", fusion="none")
    assert "three" not in {d.row.backbone for d in differences([*group(), short], QUERIES).best.values()}


def test_markdown_says_which_differences_are_findings() -> None:
    text = board.markdown(group(), {"a" * 64: QUERIES})
    assert "### What re-ranking does to a backbone" in text
    assert "| sift | sum | 2 | 1 | 0 | +11.0 | +2.0 | +20.0 |" in text
    (line,) = [line for line in text.splitlines() if line.startswith("| one ") and "replace" in line]
    assert "-20.0 (" in line
    assert "*" in line


def test_seeds_are_shown_as_mean_and_spread() -> None:
    rows = [row(f"s{seed}", right, seed=seed) for seed, right in ((0, 40), (1, 50), (2, 60))]
    (spread,) = spreads([*rows, row("other", 10, backbone="other")])
    assert spread.seeds == 3
    assert spread.metrics["R-1"] == (pytest.approx(0.5), pytest.approx(0.1))
    assert "50.0 ± 10.0" in board.markdown(rows)


def test_tables_of_one_title_say_why_they_are_apart() -> None:
    fields = {**group()[0].protocol_fields, "level": "identity"}
    other = row("x", 10, protocol_hash="b" * 64, protocol_fields=fields)
    same_fields = row("y", 10, protocol_hash="c" * 64)
    assert "level is image there and identity here" in board.markdown([*group(), other])
    assert "the images, their roles, or the definition of the metrics differ" in board.markdown([*group(), same_fields])


def test_where_new_is_an_answer_every_rule_is_a_row_of_its_own() -> None:
    fields = {**record().protocol_fields, "unknown": "answer"}
    views = {"unknown=answer": {"R-1": metric(0.9)}, "leak=none": {"R-1": metric(0.4)}}
    rows = [row(name, 40, openset=name, protocol_fields=fields, views=views) for name in ("fixed", "always-new")]
    text = board.markdown(rows, {"a" * 64: QUERIES})
    ranking = text.split("### Rankings")[1].split("###")[0]
    assert "| open set |" in ranking
    assert "| fixed |" in ranking
    assert "| always-new |" in ranking
    assert "not the R-1 of this table" in text
    assert "unknown=answer (n" not in text, "the view of one rule is not that of a ranking"
