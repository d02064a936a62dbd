"""A comparison as Markdown, JUnit and JSON: complete, escaped, worst first."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest
from sides import HASH, cell, queries, ranks, side

from harness.compare import view
from harness.compare.judge import compared
from harness.compare.verdict import Change, Comparison, Judged, Verdict

NASTY = "<b>a|b</b>\x07"


def found() -> Comparison:
    before = [cell("a", ranks(20)), cell("b", ranks(30), backbone=NASTY), cell("c", ranks(10)), cell("d", ranks(9))]
    failed = cell("d", ranks(9), status="failed", reason="boom & bust", first_hits="")
    after = [cell("a", ranks(20)), cell("b", ranks(2), backbone=NASTY), failed, cell("e", ranks(1))]
    return compared(side(*before), side(*after), False)


def test_json_holds_every_cell_with_its_outcomes() -> None:
    plain = json.loads(json.dumps(view.plain(found())))
    assert (plain["verdict"], plain["exit_code"]) == ("error", 1)
    assert [row["verdict"] for row in plain["cells"]] == ["ok", "regressed", "missing", "error"]
    (outcome,) = plain["cells"][1]["outcomes"]
    assert outcome["delta"] == -0.7
    assert len(outcome["lost"]) == 28
    assert plain["cells"][1]["metrics"]["R-1"] == {"old": 0.75, "new": 0.05}


def test_markdown_shows_old_new_and_delta_worst_first_and_escaped() -> None:
    lines = view.markdown(found()).splitlines()
    rows = [line for line in lines if line.startswith("| ") and "---" not in line]
    assert [row.split(" | ")[0] for row in rows[1:]] == ["| error", "| regressed", "| missing", "| ok"]
    assert "| 75.0 | 5.0 | -70.0 |" in rows[2]
    assert "&lt;b>a\\|b" in rows[2]
    assert lines[0] == "## Gate: error"
    assert any("net e" in line for line in lines[-1:])


def test_markdown_of_many_cells_is_cut_and_says_so() -> None:
    before = [cell(f"c{place}", ranks(20)) for place in range(view.MOST + 3)]
    text = view.markdown(compared(side(*before), side(*before), False))
    assert "3 more cells: ok or better." in text


def test_junit_has_a_case_a_cell_and_survives_odd_characters() -> None:
    suite = ElementTree.fromstring(view.junit(found()))[0]
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "4",
        "failures": "2",
        "errors": "1",
    }
    kinds = [child.tag for case in suite for child in case]
    assert kinds == ["failure", "failure", "error"]
    assert "boom & bust" in str(suite[3][0].get("message"))


def test_the_terminal_shows_what_is_not_ok() -> None:
    table, everything = view.terminal(found(), False), view.terminal(found(), True)
    assert table is not None
    assert everything is not None
    assert (table.row_count, everything.row_count) == (3, 4)
    same = side(cell("a", ranks(20)))
    assert view.terminal(compared(same, same, True), False) is None


def test_a_number_that_is_missing_on_one_side_is_a_dash() -> None:
    (judged,) = compared(side(cell("a", ranks(20), metrics={})), side(cell("a", ranks(20))), True).judged
    assert judged.verdict is Verdict.REGRESSED


def test_json_has_just_these_fields() -> None:
    before, after = cell("a", ranks(20), said=[queries().known]), cell("b", ranks(20))
    plain = view.plain(compared(side(before), side(after), True))
    assert plain == {
        "verdict": "missing",
        "exit_code": 13,
        "baseline": "side",
        "exact": True,
        "cells": [
            {
                "cell": "a",
                "protocol_hash": HASH,
                **before.labels,
                "verdict": "missing",
                "reason": "the candidate has no such cell",
                "outcomes": [],
                "metrics": {},
            }
        ],
        "extra": [after.title],
    }


def judged(verdict: Verdict, name: str = "a", **fields: Any) -> Judged:
    return Judged(cell(name, ranks(20)), verdict, **fields)


def test_markdown_to_the_letter() -> None:
    change = Change("R-1", 40, 0.5, 0.25, 0.0, 0.01, gained=("q1",), lost=("q2", "q3"))
    rows = (
        judged(Verdict.OK, numbers={"R-1": (0.5, 0.5), "AUROC": (None, None)}),
        judged(
            Verdict.REGRESSED, reason="worse", changes=(change,), numbers={"R-1": (0.5, 0.25), "AUROC": (0.9, None)}
        ),
        judged(Verdict.IMPROVED, numbers={"R-1": (0.5, 0.75), "AUROC": (None, 0.9)}),
    )
    title = rows[0].cell.title
    assert view.markdown(Comparison("b", True, rows, (rows[0].cell,))).splitlines() == [
        "## Gate: regressed",
        "",
        "regressed: 3 cells against b: 1 ok, 1 improved, 1 regressed; 1 not in the baseline.",
        "",
        *("### Cells", ""),
        "| verdict | cell | R-1 old | R-1 new | R-1 delta | AUROC old | AUROC new | AUROC delta | why |",
        "| --- | --- |" + " ---: |" * 7,
        f"| regressed | {title} | 50.0 | 25.0 | -25.0 | 90.0 | - | - | worse; R-1 worse: q2, q3; R-1 better: q1 |",
        f"| improved | {title} | 50.0 | 75.0 | +25.0 | - | 90.0 | - |  |",
        f"| ok | {title} | 50.0 | 50.0 | +0.0 | - | - | - |  |",
        "",
        f"- Not in the baseline: {title}",
    ]


def test_a_table_of_just_as_many_cells_as_fit_is_whole() -> None:
    rows = tuple(judged(Verdict.OK, f"c{place}") for place in range(view.MOST + 1))
    assert "more cells" not in view.markdown(Comparison("b", True, rows[:-1]))
    text = view.markdown(Comparison("b", True, (*rows, judged(Verdict.REGRESSED))))
    assert "\n2 more cells: ok or better.\n" in text
    assert text.count("| ok |") == view.MOST - 1
    assert view.markdown(Comparison("b", True, rows[:1])).endswith(" |\n"), "and no empty line"
    assert text.startswith("## Gate")


def test_cells_that_only_the_candidate_has_are_named_up_to_a_bound() -> None:
    extra = tuple(cell(f"c{place}", ranks(20)) for place in range(view.IDS + 1))
    text = view.markdown(Comparison("b", True, (judged(Verdict.OK),), extra))
    assert text.count("Not in the baseline: net c") == view.IDS


@pytest.mark.parametrize(
    ("n", "more"), [(view.IDS, ""), (view.IDS + 1, ", and 1 more"), (view.IDS + 5, ", and 5 more")]
)
def test_the_first_queries_stand_for_many(n: int, more: str) -> None:
    ids = tuple(f"q{place}" for place in range(n))
    change = Change("R-1", 40, 0.5, 0.25, 0.0, 0.01, lost=ids)
    (case,) = ElementTree.fromstring(
        view.junit(Comparison("b", True, (judged(Verdict.REGRESSED, changes=(change,)),)))
    )[0]
    assert case[0].get("message") == f"R-1 worse: {', '.join(ids[: view.IDS])}{more}"


def test_junit_to_the_letter() -> None:
    rows = (judged(Verdict.OK), judged(Verdict.MISSING, reason="gone"), judged(Verdict.ERROR, reason="\u00fcber"))
    name = f'classname="harness.study.{HASH[:12]}" name="{rows[0].cell.title}" time="0"'
    assert view.junit(Comparison("b", True, rows)).decode() == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<testsuites><testsuite name="harness compare" tests="3" failures="1" errors="1" skipped="0">'
        f"<testcase {name} />"
        f'<testcase {name}><failure type="missing" message="gone" /></testcase>'
        f'<testcase {name}><error type="error" message="\u00fcber" /></testcase>'
        "</testsuite></testsuites>"
    )


def test_only_what_xml_cannot_hold_is_replaced() -> None:
    legal = "\t\n ~\u00e9\ud7ff\ue000\ufffd\U00010000\U0010ffff"
    for text, told in ((legal, legal), ("\x00\x08\x1f\ud800\udfff\ufffe\uffff", "?" * 7)):
        rows = (judged(Verdict.ERROR, reason=f"a{text}b"),)
        read = ElementTree.fromstring(view.junit(Comparison("b", True, rows)))
        assert read[0][0][0].get("message") == f"a{told}b"


def test_the_terminal_shows_verdict_cell_numbers_and_why() -> None:
    rows = (
        judged(Verdict.OK, numbers={"R-1": (0.5, 0.5)}),
        judged(Verdict.REGRESSED, reason="[worse] " * 20, numbers={"R-1": (0.5, 0.25), "AUROC": (0.9, None)}),
    )
    table = view.terminal(Comparison("b", True, rows), True)
    assert table is not None
    assert [column.header for column in table.columns] == ["verdict", "cell", "R-1", "AUROC", "why"]
    assert {column.overflow for column in table.columns} == {"fold"}
    columns = [list(column.cells) for column in table.columns]
    assert [[str(text) for text in cells] for cells in zip(*columns, strict=True)] == [
        ["regressed", rows[1].cell.title, "50.0 -> 25.0", "90.0 -> -", "[worse] " * 20],
        ["ok", rows[0].cell.title, "50.0", "-", ""],
    ]
    assert [text.style for text in columns[0]] == ["red", "green"]
