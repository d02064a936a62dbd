"""Which cells belong together, and what cannot be compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import metric
from sides import WHERE, cell, queries, ranks, side

from harness.compare.judge import Side, compared
from harness.compare.runs import Cell
from harness.compare.verdict import Comparison, Verdict


def only(found: Comparison) -> tuple[Verdict, str]:
    (judged,) = found.judged
    return judged.verdict, judged.reason


@pytest.mark.parametrize("is_exact", [True, False])
class TestWhatIsNotThere:
    def test_a_cell_that_the_candidate_lacks_is_missing(self, is_exact: bool) -> None:
        verdict, reason = only(compared(side(cell("c", ranks(20))), side(cell("d", ranks(20))), is_exact))
        assert (verdict, reason) == (Verdict.MISSING, "the candidate has no such cell")

    def test_a_cell_that_only_the_candidate_has_is_told_and_alarms_nobody(self, is_exact: bool) -> None:
        before = cell("c", ranks(20))
        found = compared(side(before), side(before, cell("d", ranks(3))), is_exact)
        assert found.verdict is Verdict.OK
        assert [extra.cell for extra in found.extra] == ["d"]
        assert "1 not in the baseline" in found.summary

    def test_a_skipped_cell_is_missing_with_its_reason(self, is_exact: bool) -> None:
        after = cell("c", ranks(20), status="skipped", reason="no weights", first_hits="")
        assert only(compared(side(cell("c", ranks(20))), side(after), is_exact)) == (
            Verdict.MISSING,
            "skipped: no weights",
        )

    def test_a_failed_cell_is_an_error_with_its_reason(self, is_exact: bool) -> None:
        after = cell("c", ranks(20), status="failed", reason="NaN loss", first_hits="")
        assert only(compared(side(cell("c", ranks(20))), side(after), is_exact)) == (Verdict.ERROR, "failed: NaN loss")

    def test_lost_outcomes_are_missing(self, is_exact: bool) -> None:
        verdict, reason = only(compared(side(cell("c", ranks(20))), side(cell("c", ranks(20, 48))), is_exact))
        assert (verdict, reason) == (Verdict.MISSING, "the candidate holds outcomes of 48 of 50 queries")

    def test_a_row_that_answers_no_single_query_passes(self, is_exact: bool) -> None:
        chance = cell("chance", [], first_hits="")
        assert compared(side(chance), side(chance), is_exact).verdict is Verdict.OK

    def test_another_protocol_is_not_comparable_and_says_what_differs(self, is_exact: bool) -> None:
        before = cell("c", ranks(20))
        after = cell(
            "c", ranks(20), protocol_hash="b" * 64, protocol_fields={**before.protocol_fields, "shortlist": 50}
        )
        asked = {"a" * 64: queries(), "b" * 64: queries()}
        found = compared(side(before), Side("after", [after], asked), is_exact)
        assert only(found) == (Verdict.NOT_COMPARABLE, "shortlist: 100 -> 50")
        assert found.extra == ()

    def test_other_data_under_the_same_protocol_is_not_comparable(self, is_exact: bool) -> None:
        after = cell("c", ranks(20), protocol_hash="b" * 64, counts={"n_query": 48})
        before = cell("c", ranks(20), counts={"n_query": 50})
        verdict, reason = only(compared(side(before), Side("after", [after], {"b" * 64: queries()}), is_exact))
        assert verdict is Verdict.NOT_COMPARABLE
        assert reason.startswith("n_query: 50 -> 48; the images, their labels or roles")


def test_without_queries_only_an_exact_comparison_can_be_made() -> None:
    both = Side("x", [cell("c", ranks(20))], {})
    assert compared(both, both, True).verdict is Verdict.OK
    verdict, reason = only(compared(both, both, False))
    assert verdict is Verdict.NOT_COMPARABLE
    assert "queries of its protocol" in reason


def test_the_worst_cell_decides_and_the_summary_counts() -> None:
    before = [cell("a", ranks(20)), cell("b", ranks(30)), cell("c", ranks(10))]
    after = [cell("a", ranks(20)), cell("b", ranks(2)), cell("c", ranks(39))]
    found = compared(side(*before), side(*after), False)
    assert found.verdict is Verdict.REGRESSED
    assert found.summary == "regressed: 3 cells against side: 1 ok, 1 improved, 1 regressed"


def test_exit_codes_are_distinct() -> None:
    assert len({verdict.exit_code for verdict in Verdict}) == len(Verdict)
    assert [verdict for verdict in Verdict if verdict.exit_code == 0] == [Verdict.OK]
    told = {"ok": 0, "error": 1, "regressed": 10, "improved": 11, "not comparable": 12, "missing": 13}
    assert {verdict.value: verdict.exit_code for verdict in Verdict} == told, "as harness compare --help says"


def test_nothing_to_compare_is_an_error() -> None:
    assert compared(side(), side(), True).verdict is Verdict.ERROR


def with_number(name: str, value: float, low: float | None = None) -> Cell:
    plain = cell("c", ranks(20))
    run = plain.runs[0]
    numbers = {**run.numbers, name: (value, 40, low, None)}
    return plain.model_copy(update={"runs": (run.model_copy(update={"numbers": numbers}),)})


@pytest.mark.parametrize(
    ("name", "step", "verdict"),
    [
        ("mAP@20", 1e-10, Verdict.OK),
        ("mAP@20", 2e-9, Verdict.IMPROVED),
        ("mAP@20", -2e-9, Verdict.REGRESSED),
        ("level=identity: mAP@20", -2e-9, Verdict.REGRESSED),
        ("tie rate", 2e-9, Verdict.REGRESSED),  # neither better nor worse: not what was accepted
        ("calibration error", 5e-5, Verdict.OK),
        ("dataset=a: calibration error", 5e-5, Verdict.OK),
        ("calibration error", 2e-4, Verdict.REGRESSED),
    ],
)
def test_numbers_are_held_to_the_digit(name: str, step: float, verdict: Verdict) -> None:
    assert compared(side(with_number(name, 0.5)), side(with_number(name, 0.5 + step)), True).verdict is verdict


def test_the_ends_of_an_interval_are_held_too() -> None:
    found = compared(side(with_number("mAP@20", 0.5, 0.4)), side(with_number("mAP@20", 0.5, 0.41)), True)
    assert found.verdict is Verdict.REGRESSED


def test_a_number_that_is_gone_or_new_is_caught() -> None:
    plain, more = side(cell("c", ranks(20))), side(with_number("mAP@20", 0.5))
    assert compared(more, plain, True).verdict is Verdict.REGRESSED
    assert compared(plain, more, True).verdict is Verdict.REGRESSED


def test_another_ranking_with_the_same_numbers_is_caught() -> None:
    found = compared(side(cell("c", ranks(20))), side(cell("c", ranks(20), ranking="other")), True)
    assert only(found) == (
        Verdict.REGRESSED,
        "the ranking is another one (the first right image has moved for 0 of 50 queries)",
    )


def test_counts_and_decisions_are_held() -> None:
    known = queries().known
    before = cell("c", ranks(20), said=[known], counts={"pairs": 5})
    said = known.copy()
    said[0] = False
    assert (
        "decided otherwise"
        in only(compared(side(before), side(cell("c", ranks(20), said=[said], counts={"pairs": 5})), True))[1]
    )
    assert (
        "pairs 5 -> 6"
        in only(compared(side(before), side(cell("c", ranks(20), said=[known], counts={"pairs": 6})), True))[1]
    )


def test_another_machine_excuses_a_change_but_needs_none_to_be_equal() -> None:
    elsewhere = {**WHERE, "cpu": "AVX512"}
    same = compared(side(cell("c", ranks(20))), side(cell("c", ranks(20), environment=elsewhere)), True)
    moved = compared(side(cell("c", ranks(20))), side(cell("c", ranks(21), environment=elsewhere)), True)
    assert same.verdict is Verdict.OK
    assert only(moved)[0] is Verdict.NOT_COMPARABLE
    assert "cpu AVX2 -> AVX512" in only(moved)[1]


def test_repeats_that_differ_cannot_be_held_to_the_digit() -> None:
    before = cell("c", ranks(20), ranks(21))
    assert only(compared(side(before), side(cell("c", ranks(20))), True))[0] is Verdict.NOT_COMPARABLE


def test_an_exact_change_names_the_queries() -> None:
    found = compared(side(cell("c", ranks(20))), side(cell("c", ranks(20, flipped=[3, 30]))), True)
    (change,) = found.judged[0].changes
    assert (change.lost, change.gained) == (("q3",), ("q30",))


def test_a_row_that_answers_no_single_query_is_held_to_its_numbers_by_the_exact_gate() -> None:
    before, after = (cell("chance", [], first_hits="", metrics={"R-1": metric(value)}) for value in (0.1, 0.2))
    assert compared(side(before), side(after), True).verdict is Verdict.IMPROVED
    assert compared(side(after), side(before), True).verdict is Verdict.REGRESSED
    assert compared(side(after), side(before), False).verdict is Verdict.OK


def test_what_differs_between_protocols_and_their_sizes_is_named_also_where_one_side_lacks_it() -> None:
    fields = cell("c", ranks(20)).protocol_fields
    before = cell("c", ranks(20), protocol_fields={**fields, "gone": 1}, counts={"n_query": 50, "n_gallery": 9, "x": 1})
    counts = {"n_query": 50, "n_gallery": 8, "n_individuals": 7, "x": 2}
    after = cell("c", ranks(20), protocol_hash="b" * 64, protocol_fields={**fields, "new": 2}, counts=counts)
    told = "gone: 1 -> not given; new: not given -> 2; n_gallery: 9 -> 8; n_individuals: - -> 7"
    assert only(compared(side(before), side(after), True)) == (Verdict.NOT_COMPARABLE, told)
    told = "new: 2 -> not given; gone: not given -> 1; n_gallery: 8 -> 9; n_individuals: 7 -> -"
    assert only(compared(side(after), side(before), True)) == (Verdict.NOT_COMPARABLE, told)


@pytest.mark.parametrize("is_exact", [True, False])
@pytest.mark.parametrize(("candidate", "told"), [(True, "candidate"), (False, "baseline")])
@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ({"first_hits": ""}, "outcomes of 0"),
        ({"said": [np.ones(48, bool)]}, "decisions of 48"),
        ({"said": [np.ones(51, bool)]}, "decisions of 51"),
    ],
)
def test_the_side_that_lacks_outcomes_is_named_with_how_many_it_holds(
    is_exact: bool, candidate: bool, told: str, fields: dict[str, Any], held: str
) -> None:
    whole, part = side(cell("c", ranks(20))), side(cell("c", ranks(20), **fields))
    found = compared(*((whole, part) if candidate else (part, whole)), is_exact)
    assert only(found) == (Verdict.MISSING, f"the {told} holds {held} of 50 queries")


def test_numbers_beside_a_verdict_are_those_of_metrics_alone() -> None:
    views = {"leak=none": {"R-1": metric(0.5)}}
    before, after = (side(cell("c", ranks(right, 50), views=views)) for right in (20, 30))
    assert compared(before, after, True).judged[0].numbers == {"R-1": (0.5, 0.75)}
    assert compared(before, side(), True).judged[0].numbers == {}


@pytest.mark.parametrize("is_exact", [True, False])
def test_the_same_recipe_on_another_data_set_is_not_comparable(is_exact: bool) -> None:
    before = cell("c", ranks(20), dataset="herd[images=2]")
    after = cell("c", ranks(20), dataset="herd[images=3]", protocol_hash="b" * 64)
    found = compared(side(before), Side("after", [after], {"b" * 64: queries()}), is_exact)
    assert only(found) == (Verdict.NOT_COMPARABLE, "herd[images=2] -> herd[images=3]")
    assert found.extra == ()


@pytest.mark.parametrize("is_exact", [True, False])
def test_damaged_outcomes_are_an_error_of_their_cell_alone(is_exact: bool) -> None:
    whole = [cell("c", ranks(20)), cell("d", ranks(20))]
    run = whole[0].runs[0].model_copy(update={"first_hits": "AAAA"})
    damaged = whole[0].model_copy(update={"runs": (run,)})
    for asked in ({"a" * 64: queries()}, {}) if is_exact else ({"a" * 64: queries()},):
        found = compared(Side("x", whole, asked), Side("y", [damaged, whole[1]], asked), is_exact)
        assert [judged.verdict for judged in found.judged] == [Verdict.ERROR, Verdict.OK]
        assert "first_hits cannot be read" in found.judged[0].reason
