"""The leaderboard: one table a protocol, escaped Markdown, CSV that parses, and a terminal of any width."""

from __future__ import annotations

import csv
import io
import random
import re
from typing import Any

import pytest
from rich.console import Console
from rich.markup import render
from rows import POLICY, metric, record

from harness import leaderboard as board
from harness.leaderboard.differences import Difference, Differences
from harness.leaderboard.tables import recipe
from harness.metrics.intervals import Estimate
from harness.metrics.significance import Paired
from harness.record import Metric, RunRecord


def scored(cell: str, value: float, **fields: Any) -> RunRecord:
    return record(cell, metrics={"R-1": metric(value), "AUROC": Metric(value=None, n=0)}, **fields)


def printed(group: list[RunRecord], width: int = 200, **options: Any) -> str:
    out = io.StringIO()
    for table in board.terminal(group[0], group, width):
        Console(file=out, width=width, **options).print(table)
    return out.getvalue()


def test_rows_of_two_protocols_are_never_in_one_table() -> None:
    rows = [scored(f"{h}{i}", i / 10, protocol_hash=h * 64, backbone=f"net-{h}{i}") for h in "abc" for i in range(4)]
    random.Random(0).shuffle(rows)
    groups = board.tables(rows)
    assert len(groups) == 3
    for first, group in groups:
        assert {row.protocol_hash for row in group} == {first.protocol_hash}
        assert len(group) == 4
    for section in board.markdown(rows).split("\n## ")[1:]:
        assert len({name[4] for name in re.findall(r"net-[abc]\d", section)}) == 1
        assert section.count("\n| net-") == 4


def test_the_best_comes_first_and_what_did_not_run_comes_last() -> None:
    rows = [
        record("s", status="skipped", reason="no weights", metrics={}),
        scored("low", 0.2),
        record("f", status="failed", reason="NaN", metrics={}),
        record("none", metrics={}),
        scored("high", 0.9),
    ]
    assert [row.cell for _, group in board.tables(rows) for row in group] == ["high", "low", "none", "f", "s"]
    assert [row["cell"] for row in board.rows(rows)] == ["high", "low", "none", "f", "s"]
    assert board.markdown(rows) == board.markdown(rows[::-1])  # a function of the records, not of their order


def test_markdown_has_a_line_for_each_row_and_escapes_what_would_break_it() -> None:
    rows = [
        scored("a", 0.5, backbone="net[a|b]<script>", loss="x\ny"),
        record("b", status="failed", metrics={}, reason="line one\n  <b>do</b> this | that"),
    ]
    text = board.markdown(rows)
    header, rule, row = [line for line in text.splitlines() if line.startswith("|")]
    cells = re.split(r"(?<!\\)\|", row)
    assert len(cells) == len(header.split("|")) == len(rule.split("|"))
    assert cells[1].strip() == r"net[a\|b]&lt;script>"
    assert cells[2].strip() == "x y"
    assert "<script>" not in text
    assert "<b>" not in text
    assert "- failed: resnet50 / arcface" in text
    assert r"line one &lt;b>do&lt;/b> this \| that" in text


def test_markdown_gives_per_cent_with_intervals_and_a_dash_for_nothing() -> None:
    (row,) = [line for line in board.markdown([record("a")]).splitlines() if line.startswith("| resnet50")]
    assert [cell.strip() for cell in row.split("|")][7:11] == ["50.0 (40.0-60.0)", "10.0 (0.0-20.0)", "", "13"]
    empty = {"R-1": metric(0.5), "R-5": Metric(value=None, n=0)}
    (row,) = [
        line for line in board.markdown([record("a", metrics=empty)]).splitlines() if line.startswith("| resnet50")
    ]
    assert [cell.strip() for cell in row.split("|")][7:9] == ["50.0 (40.0-60.0)", "-"]
    assert "n_known 40, n_new 10, n_dropped 10, n_leaked 0 (bytes, near), gallery 200 images" in board.markdown(
        [record("a")]
    )


def test_the_policy_is_told_even_of_a_record_without_one() -> None:
    assert "rank by ?" in board.policy(record(protocol_fields={}))
    assert "gallery all, rank by image, averaged by query, new queries in R-k: drop" in board.policy(record())


def test_csv_reads_back() -> None:
    rows = [
        scored("a", 0.25, backbone='a "net", of sorts'),
        record("b", metrics={"R-5": metric(1 / 3)}, protocol_hash="b" * 64),
        record("c", status="failed", reason="two\nlines, and a comma", metrics={}),
    ]
    read = {row["backbone"] + row["status"] + row["protocol_hash"][0]: row for row in csv.DictReader(io.StringIO(board.comma_separated(rows)))}  # fmt: skip # noqa: E501
    first, second, third = (read[key] for key in ('a "net", of sortsoka', "resnet50okb", "resnet50faileda"))
    assert (float(first["R-1 value"]), int(first["R-1 n"]), first["AUROC value"], first["R-5 value"]) == (
        0.25,
        40,
        "",
        "",
    )
    assert float(second["R-5 value"]) == 1 / 3
    assert (second["R-1 value"], second["R-1 n"]) == ("", "")
    assert third["reason"] == "two\nlines, and a comma"


def test_rows_for_machines_hold_everything() -> None:
    (row,) = board.rows([record("a")])
    assert row["metrics"]["R-1"] == {"value": 0.5, "n": 40, "low": 0.4, "high": 0.6}
    assert row["metrics"]["AUROC"]["value"] is None
    assert {"protocol_hash", "counts", "seconds", "cached", "status", "reason", *board.AXES} <= set(row)


def test_the_terminal_shows_settings_and_not_markup() -> None:
    text = printed([record("a"), scored("b", 0.7, backbone="timm[/bold]")])
    assert "mutual-nn[max_keypoints=48]" in text
    assert "study on synthetic-herd[individuals=8] (protocol aaaaaaaaaaaa)" in text
    assert "timm[/bold]" in text
    assert "50.0 (40.0-60.0)" in text
    assert " - " in text


def test_fusion_and_seed_are_shown_where_they_differ() -> None:
    assert "fusion" not in printed([record("a"), record("b")])
    assert "seed" not in printed([record("a"), record("b")])
    text = printed([record("a"), record("b", seed=17, fusion="standardised-sum")])
    assert "standardised-sum" in text
    assert "17" in text


def test_a_wide_terminal_gets_bars_and_a_narrow_one_the_numbers_alone() -> None:
    found = Metric(value=0.3, n=9, low=0.1, high=0.5)
    rows = [record("a", metrics={"R-1": found, "R-5": found})]
    assert "●" in printed(rows, 200)
    assert "0 to 50" in printed(rows, 200)
    assert "●" not in printed(rows, 100)
    assert "30.0 (10.0-50.0)" in printed(rows, 100)


LONG = "timm[model=mobilenetv2_100,weights=mobilenetv2_100_imagenet.safetensors@2c2f582c,size=128]"


@pytest.mark.parametrize("width", [60, 80, 99, 100, 120, 200])
def test_the_recipe_is_whole_and_nothing_is_cut_off(width: int) -> None:
    names = ("R-1", "R-5", "R-20", "AUROC", "BAKS", "BAUS", "BAKS-BAUS mean")
    metrics = {name: metric(0.5) for name in names}
    rows = [record(rule, backbone=LONG, openset=rule, metrics=metrics) for rule in ("threshold", "quantile")]
    text = printed(rows, width)
    assert "…" not in text
    assert max(len(line) for line in text.splitlines()) <= width
    lines = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
    assert LONG in "".join("".join(line[0].split()) for line in lines), "folded, and whole"
    assert text.count("│ 50.0 (40.0-60.0) │") == text.count("50.0 (40.0-60.0)") > 0
    assert ("recipe" in text) == (width < 100)


def test_a_recipe_in_one_column_leaves_out_what_it_does_not_have() -> None:
    rows = [
        record("a", openset="none", matcher="none", fusion="none"),
        record("b", seed=17, train={"epochs": 3}),
        record("c", train={"epochs": 4}),
    ]
    (table,) = board.terminal(rows[0], rows, 90)
    assert [str(cell) for cell in table.columns[0].cells] == [
        "resnet50 / arcface / mutual-nn[max_keypoints=48] / replace / threshold / seed 0 / epochs=4",
        "resnet50 / arcface / mutual-nn[max_keypoints=48] / replace / threshold / seed 17 / epochs=3",
        "resnet50 / arcface / seed 0",
    ]


def against_first(rows: list[RunRecord], p: float) -> Differences:
    """All rows against the first."""
    test = Paired(Estimate(-0.1, 40, -0.2, 0.1), 3, 7, p, p)
    return Differences({}, {recipe(row): Difference(row, rows[0], test, p) for row in rows[1:]})


def test_rows_that_are_like_the_best_have_a_sign_and_others_none() -> None:
    rows = [record("a"), record("b", backbone="other", metrics={"R-1": metric(0.4)})]
    for p, signs in ((0.2, 1), (0.001, 0)):
        (table,) = board.terminal(rows[0], rows, 200, against_first(rows, p))
        out = io.StringIO()
        Console(file=out, width=200).print(table)
        assert out.getvalue().count("≈ 40.0") == signs
        assert ("≈ not significantly different from the best. gallery" in " ".join(out.getvalue().split())) == bool(
            signs
        )
        assert "≈ 50.0" not in out.getvalue()


def test_the_sign_says_which_number_was_tested_where_the_table_shows_another() -> None:
    rows = [record(name, backbone=name, protocol_fields={**POLICY, "average": "identity"}) for name in ("a", "b")]
    (table,) = board.terminal(rows[0], rows, 200, against_first(rows, 0.2))
    assert "known queries, each counting alike: not the R-1 of this table" in str(table.caption)


def test_the_best_value_is_bold_and_a_high_tie_rate_is_no_merit() -> None:
    rows = [
        record("a", metrics={"R-1": metric(0.123), "tie rate": metric(0.456)}),
        record("b", metrics={"R-1": metric(0.012), "tie rate": metric(0.034)}),
    ]
    coloured = printed(rows, force_terminal=True, color_system="standard", no_color=False)
    bold = re.findall(r"\x1b\[1m\s*(\d+\.\d)", coloured)
    assert bold == ["12.3"]


@pytest.mark.parametrize("width", [1, 20, 40, 80, 200])
def test_a_terminal_of_any_width_works_without_colour_codes(width: int) -> None:
    rows = [record(str(i), metrics={f"R-{k}": metric(0.5) for k in (1, 5, 10, 20, 100)}) for i in range(3)]
    text = printed(rows, width)
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= max(width, 1)


@pytest.mark.parametrize(
    "text", ["net[a=1]", "[bold]x[/]", "[1, 2]", "a[b]c[/b]", "plain", "[link=x]", "back\\[slash]"]
)
def test_plain_text_stays_plain_in_markup(text: str) -> None:
    assert render(board.plain(text)).plain == text


def test_no_records_give_no_tables() -> None:
    assert board.tables([]) == board.rows([]) == []
    assert board.markdown([]).startswith("# Leaderboard")
    assert len(board.comma_separated([]).splitlines()) == 1


def test_several_rules_on_one_ranking_stand_in_a_second_table() -> None:
    def ruled(cell: str, openset: str, value: float) -> RunRecord:
        names = ("AUROC", "BAKS", "BAUS", "BAKS-BAUS mean")
        return record(cell, openset=openset, metrics={"R-1": metric(0.5), **{name: metric(value) for name in names}})

    rows = [ruled("a", "fixed", 0.2), ruled("b", "quantile", 0.4), record("c", backbone="other", openset="none")]
    first, second = (io.StringIO(), io.StringIO())
    for out, table in zip((first, second), board.terminal(rows[0], rows), strict=True):
        Console(file=out, width=200).print(table)
    assert first.getvalue().count("resnet50") == 1, "one ranking, one row"
    assert "other" in first.getvalue()
    assert "other" not in second.getvalue(), "no rule decided there"
    assert second.getvalue().index("quantile") < second.getvalue().index("fixed"), "the best first"


def test_a_backbone_that_has_seen_the_test_is_marked_in_every_table() -> None:
    metrics = {"R-1": metric(0.5), "AUROC": metric(0.5), "BAKS": metric(0.1), "BAKS-BAUS mean": metric(0.2)}
    views = {"leak=none": {"R-1": metric(0.4)}}
    rows = [
        record(str(seed), seed=seed, contamination="seen: NyalaData", metrics=metrics, views=views) for seed in (0, 1)
    ]
    sections = board.markdown(rows).split("\n### ")[1:]
    assert len(sections) == 4
    for section in sections:
        assert section.count("seen: NyalaData") == (1 if section.startswith("Over seeds") else 2)
    assert "seen: NyalaData" in printed(rows)
