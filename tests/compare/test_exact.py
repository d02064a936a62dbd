"""What the exact gate says of a change: which queries, counts and numbers, and whether it is for the better."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pytest
from sides import WHERE, cell, queries, ranks, side

from harness.compare import exact
from harness.compare.judge import Side, compared
from harness.compare.runs import Cell
from harness.compare.verdict import Judged, Verdict


def with_numbers(numbers: dict[str, Any], **fields: Any) -> Cell:
    """A cell with these values besides its R-1; a tuple is (value, low)."""
    plain = cell("c", ranks(20), **fields)
    pairs = {name: value if isinstance(value, tuple) else (value, None) for name, value in numbers.items()}
    more = {name: (value, 40, low, None) for name, (value, low) in pairs.items()}
    run = plain.runs[0].model_copy(update={"numbers": {**plain.runs[0].numbers, **more}})
    return plain.model_copy(update={"runs": (run,)})


def judged(before: Cell, after: Cell) -> Judged:
    (found,) = compared(side(before), side(after), True).judged
    return found


class TestBetter:
    @pytest.mark.parametrize(
        ("before", "after", "verdict"),
        [
            ({"mAP": 0.5, "AUROC": None}, {"mAP": 0.6, "AUROC": None}, Verdict.IMPROVED),
            ({"mAP": 0.5, "AUROC": 0.7}, {"mAP": 0.6, "AUROC": None}, Verdict.REGRESSED),
            ({"mAP": 0.5, "AUROC": None}, {"mAP": 0.6, "AUROC": 0.7}, Verdict.REGRESSED),
            ({"mAP": 0.5, "AUROC": 0.7}, {"mAP": 0.6, "AUROC": 0.6}, Verdict.REGRESSED),
            ({"mAP": 0.5, "OSCR": 1e-9}, {"mAP": 0.6, "OSCR": 0.0}, Verdict.IMPROVED),  # within the tolerance
            ({"AUROC": None, "tie rate": 0.5}, {"AUROC": None, "tie rate": 0.6}, Verdict.REGRESSED),
            ({"OSCR": 0.0, "tie rate": 0.5}, {"OSCR": 1e-9, "tie rate": 0.6}, Verdict.REGRESSED),
        ],
    )
    def test_better_is_that_one_number_rose_and_none_fell(
        self, before: dict[str, Any], after: dict[str, Any], verdict: Verdict
    ) -> None:
        assert judged(with_numbers(before), with_numbers(after)).verdict is verdict

    def test_a_step_of_just_the_tolerance_is_none(self) -> None:
        assert judged(with_numbers({"mAP": 0.0}), with_numbers({"mAP": exact.TOLERANCE})).verdict is Verdict.OK

    def test_an_interval_that_is_gone_or_new_is_a_change(self) -> None:
        with_low, without = with_numbers({"mAP": (0.5, 0.4)}), with_numbers({"mAP": 0.5})
        assert judged(with_low, without).verdict is Verdict.REGRESSED
        assert judged(without, with_low).verdict is Verdict.REGRESSED


class TestWhatIsTold:
    def test_queries_whose_first_right_image_moved_are_counted(self) -> None:
        told = judged(cell("c", ranks(20)), cell("c", ranks(20, flipped=[3, 30]))).reason
        assert "moved for 2 of 50 queries" in told

    def test_rankings_of_unequal_length_have_all_moved(self) -> None:
        one, other = (Side("x", [cell("c", ranks(20, n))], {}) for n in (50, 48))
        assert "moved for 50 of 50 queries" in compared(one, other, True).judged[0].reason
        assert "moved for 50 of 48 queries" in compared(other, one, True).judged[0].reason

    def test_the_same_ranking_with_other_outcomes_is_told(self) -> None:
        before, after = (cell("c", ranks(20, flipped=flipped), ranking="r", metrics={}) for flipped in ([], [3]))
        assert "rank of the first right image" in judged(before, after).reason

    def test_counts_that_differ_are_named_with_a_dash_for_those_that_are_not_there(self) -> None:
        one, other = (
            cell("c", ranks(20), counts=counts)
            for counts in ({"gone": 1, "same": 2, "b": 3, "a": 4}, {"same": 2, "b": 30, "a": 40, "new": 5})
        )
        assert judged(one, other).reason == "counts: a 4 -> 40, b 3 -> 30, gone 1 -> -, new - -> 5"

    def test_numbers_that_differ_are_counted_and_named_with_both_values(self) -> None:
        before = with_numbers({"mAP": 0.25, "gone": 0.5, "AUROC": 0.75, "same": 0.1})
        after = with_numbers({"mAP": 0.5, "AUROC": None, "new": 0.125, "same": 0.1})
        told = judged(before, after).reason
        assert told == "4 numbers: mAP 0.25 -> 0.5, gone 0.5 -> missing, AUROC 0.75 -> -, new missing -> 0.125"

    @pytest.mark.parametrize(("extra", "cut"), [(0, False), (1, True)])
    def test_the_first_numbers_stand_for_many(self, extra: int, cut: bool) -> None:
        names = [f"m{place}" for place in range(exact.SHOWN + extra)]
        told = judged(with_numbers(dict.fromkeys(names, 0.5)), with_numbers(dict.fromkeys(names, 0.6))).reason
        assert told.startswith(f"{len(names)} numbers: m0 0.5 -> 0.6, m1 ")
        assert told.count("->") == exact.SHOWN
        assert told.endswith(", ...") is cut

    def test_all_kinds_of_change_are_told(self) -> None:
        known = queries().known
        before = cell("c", ranks(20), said=[known], counts={"pairs": 5})
        told = judged(before, cell("c", ranks(21), said=[~known], counts={"pairs": 6})).reason.split("; ")
        assert [part.split(" ")[0] for part in told] == ["the", "known", "counts:", "1"]

    def test_one_change_on_another_machine_is_told_with_what_differs_there_alone(self) -> None:
        after = with_numbers({"mAP": 0.6}, environment={**WHERE, "cpu": "AVX512", "threads": "8"})
        told = judged(with_numbers({"mAP": 0.5}), after).reason
        assert told.startswith("1 numbers: mAP 0.5 -> 0.6, but ")
        assert told.endswith(": cpu AVX2 -> AVX512, threads 1 -> 8")

    def test_repeats_that_differ_on_either_side_are_told(self) -> None:
        one, unlike = cell("c", ranks(20)), cell("c", ranks(20), ranks(21))
        assert judged(unlike, one).verdict is Verdict.NOT_COMPARABLE
        assert "repeats differ" in judged(unlike, one).reason
        assert judged(one, unlike).verdict is Verdict.IMPROVED  # one of its runs is not what was accepted
        assert judged(one, cell("c", ranks(20), ranks(20))).verdict is Verdict.OK


class TestQueriesGainedAndLost:
    def test_rates_are_those_of_known_queries_whose_first_image_is_right(self) -> None:
        hits = ranks(20, flipped=[3, 30, 31, 45])  # the last is a new individual
        hits[[10, 47]] = 2
        (change,) = judged(cell("c", ranks(20)), cell("c", hits)).changes
        assert (change.outcome, change.n, change.tolerance, change.p) == ("R-1", 40, 0.0, 0.0)
        assert (change.old, change.new) == (20 / 40, 20 / 40)
        assert (change.gained, change.lost) == (("q30", "q31"), ("q3", "q10"))

    def test_one_known_query_is_a_rate_of_one_and_none_is_a_rate_of_nought(self) -> None:
        for known, old in ((1, 1.0), (0, 0.0)):
            asked = queries(known=known, new=3 - known)
            before, after = (cell("c", np.array([first, 3, 3])) for first in (1, 3))
            (change,) = compared(side(before, asked=asked), side(after, asked=asked), True).judged[0].changes
            assert (change.n, change.old, change.new) == (1, old, 0.0)

    def test_without_queries_or_outcomes_none_is_named(self) -> None:
        before, after = (cell("c", ranks(right)) for right in (21, 20))
        (found,) = compared(Side("x", [before], {}), Side("y", [after], {}), True).judged
        assert (found.verdict, found.changes) == (Verdict.REGRESSED, ())
        bare = cell("c", ranks(20), first_hits="", ranking=before.runs[0].ranking)
        assert exact.judged(before, bare, queries()).changes == ()
        assert exact.judged(bare, before, queries()).changes == ()

    def test_outcomes_of_some_of_the_queries_name_none(self) -> None:
        whole, part = cell("c", ranks(20)), cell("c", ranks(20, 48))
        assert exact.judged(whole, part, queries()).changes == ()
        assert exact.judged(part, whole, queries()).changes == ()


def test_a_row_without_outcomes_whose_ranking_differs_is_a_verdict_and_no_error() -> None:
    before = cell("c", ranks(20), first_hits="", ranking="one")
    after = cell("c", ranks(20), ranking="two")
    found = compared(Side("before", [before], {}), Side("after", [after], {}), True)
    assert found.verdict is Verdict.REGRESSED


def test_the_same_ranks_packed_by_another_zlib_are_the_same_ranks() -> None:
    before = cell("c", ranks(20))
    loose = base64.b64encode(zlib.compress(ranks(20).astype("<i2").tobytes(), 1)).decode()
    assert loose != before.runs[0].first_hits
    assert judged(before, cell("c", ranks(20), first_hits=loose)).verdict is Verdict.OK
