"""A comparison as Markdown, JUnit and JSON: complete, escaped, worst first."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from sides import cell, ranks, side

from harness.compare import view
from harness.compare.judge import compared
from harness.compare.verdict import Comparison, Verdict

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
