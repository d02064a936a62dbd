"""Gains as pages, terminal tables and rows for machines: names, marks, conclusions."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console
from rows import record

from harness.leaderboard.gains import Block, Gain, Gains, Row
from harness.leaderboard.gains_names import Names, shortened
from harness.leaderboard.gains_view import conclusions, gains_markdown, gains_rows, gains_terminal
from harness.leaderboard.strengths import Strength
from harness.metrics.intervals import Estimate
from harness.metrics.significance import Paired

SUM, NEAR = ("mutual-nn[max_keypoints=48]", "sum"), ("none", "k-reciprocal")


def gain(points: float, finding: bool) -> Gain:
    test = Paired(Estimate(points / 100, 40, points / 100 - 0.02, points / 100 + 0.02), 3, 1, 0.01, 0.01)
    return Gain(test, 0.01 if finding else 0.5, 1)


def row(epochs: int, level: float, *gains: tuple[tuple[str, str], Gain], backbone: str = "resnet50") -> Row:
    strength = Strength(backbone, "arcface" if epochs else "none", epochs, f"epochs={epochs}" if epochs else "frozen")
    return Row(strength, Estimate(level, 40, level - 0.1, level + 0.1), 1, "", dict(gains))


ROWS = (
    row(0, 0.2, (SUM, gain(8, True)), (NEAR, gain(1, False))),
    row(2, 0.4, (SUM, gain(5, True))),
    row(4, 0.6, (SUM, gain(1, False)), (NEAR, gain(0, False))),
    row(8, 0.72, (SUM, gain(-3, True)), (NEAR, gain(-1, False))),
)
FOUND = Gains((Block("all", 20, False, ROWS, {SUM: Estimate(-0.2, 4, -0.3, -0.1)}),), (SUM, NEAR), 7, ("x | y: lost",))


def told(*rows: Row) -> str:
    found = Gains((Block("all", 20, False, rows, {}),), (SUM,), 1, ())
    return conclusions(found.blocks[0], Names(found))[SUM]


def test_a_conclusion_has_both_ends_the_slope_and_where_findings_end() -> None:
    first, second = conclusions(FOUND.blocks[0], Names(FOUND)).values()
    assert first == (
        "mutual-nn + sum: +8.0 (+6.0 to +10.0) * at R-1 20.0 (epochs 0); -3.0 (-5.0 to -1.0) * at R-1 72.0 (epochs 8); "
        "-2.0 (-3.0 to -1.0) points for every 10 points of the backbone's R-1; "
        "the gain is a finding at 2 of 4 backbones, and no longer from R-1 60.0 on; a loss is a finding at R-1 72.0."
    )
    assert second.endswith("the gain is nowhere a finding.")
    assert second.startswith("k-reciprocal: +1.0")


def test_a_conclusion_of_gains_everywhere_and_of_a_single_row() -> None:
    assert "a finding at 2 of 2 backbones, the strongest among them" in told(*ROWS[:2])
    assert told(ROWS[0]).count("at R-1") == 1


def test_a_block_with_too_few_individuals_for_a_finding_says_so() -> None:
    found = Gains((Block("cat", 5, True, (row(0, 0.2, (SUM, gain(8, False))),), {}),), (SUM,), 9, ())
    told = conclusions(found.blocks[0], Names(found))[SUM]
    assert told.endswith("the gain is nowhere a finding, with 5 individuals, few for so many comparisons.")


def test_a_gain_that_comes_back_ends_where_its_last_finding_does() -> None:
    again = row(4, 0.6, (SUM, gain(6, True)))
    assert "at 2 of 4 backbones, and no longer from R-1 72.0 on" in told(
        ROWS[0], row(2, 0.4, (SUM, gain(1, False))), again, ROWS[3]
    )


def test_the_page_has_a_table_a_block_marks_and_gaps() -> None:
    text = gains_markdown([(record(), FOUND)])
    assert "## study on synthetic-herd[individuals=8]" in text
    assert "7 comparisons; resnet50; arcface; mutual-nn is mutual-nn[max_keypoints=48]." in text
    assert "### all (40 queries of 20 individuals)" in text
    assert "| epochs | R-1 | mutual-nn + sum | k-reciprocal |" in text
    assert "| 0 | 20.0 (10.0-30.0) | +8.0 (+6.0 to +10.0) * | +1.0 (-1.0 to +3.0) |" in text
    assert "| 2 | 40.0 (30.0-50.0) | +5.0 (+3.0 to +7.0) * | - |" in text
    assert "- missing: x \\| y: lost" in text


def test_a_page_without_blocks_says_why() -> None:
    text = gains_markdown([(record(), Gains((), (), 0, ("nothing was kept",)))])
    assert "- missing: nothing was kept" in text
    assert "comparisons;" not in text


@pytest.mark.parametrize("width", [80, 160])
def test_a_terminal_gets_intervals_where_it_is_wide(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    for shown in gains_terminal(record(), FOUND, width):
        console.print(shown)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    table = text.partition("all (40 queries of 20 individuals)")[2].partition("k-reciprocal:")[0].partition("└")[0]
    assert ("+6.0 to +10.0" in table) == (width == 160)
    assert "+8.0" in table
    assert "missing: x | y: lost" in text


def test_rows_for_machines_have_full_names_and_every_number() -> None:
    rows = json.loads(json.dumps(gains_rows(record(), FOUND)))
    (block,) = rows["blocks"]
    first = block["rows"][0]
    assert (first["backbone"], first["epochs"], first["R-1"]["value"]) == ("resnet50", 0, 0.2)
    assert first["gains"][0] == {
        "matcher": SUM[0],
        "fusion": "sum",
        "value": 0.08,
        "n": 40,
        "low": 0.06,
        "high": pytest.approx(0.1),
        "better": 3,
        "worse": 1,
        "p": 0.01,
        "finding": 1,
        "seeds": 1,
    }
    assert [told["slope"] is not None for told in block["conclusions"]] == [True, False]
    assert (rows["comparisons"], rows["missing"]) == (7, ["x | y: lost"])


def test_names_keep_the_settings_that_tell_plugins_apart() -> None:
    assert shortened(["timm[model=a,size=96]", "timm[model=b,size=96]", "resnet50[size=64]"]) == {
        "resnet50[size=64]": "resnet50",
        "timm[model=a,size=96]": "timm[model=a]",
        "timm[model=b,size=96]": "timm[model=b]",
    }
    assert shortened(["m[k=1]", "m[k=1,ratio=1]"]) == {"m[k=1]": "m", "m[k=1,ratio=1]": "m[ratio=1]"}


def test_columns_tell_apart_what_differs_between_rows() -> None:
    other = row(4, 0.5, (SUM, gain(1, False)), backbone="timm[model=b]")
    longer = Row(Strength("resnet50", "arcface", 4, "epochs=4, lr=0.1"), ROWS[0].baseline, 2, "sets", ROWS[0].gains)

    def labels(*rows: Row) -> list[str]:
        return Names(Gains((Block("all", 20, False, rows, {}),), (SUM,), 1, ())).labels

    assert labels(*ROWS) == ["epochs"]
    assert labels(*ROWS, other) == ["backbone", "epochs"]
    assert labels(ROWS[2], longer) == ["epochs", "training", "seeds", "seen"]
