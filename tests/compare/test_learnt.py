"""Tolerances that are learnt from repeats, and the paired test beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import t
from sides import cell, queries, ranks, side

from harness.compare import learnt
from harness.compare.judge import compared
from harness.compare.verdict import Verdict
from harness.metrics.significance import Paired, compare

ONE, OTHER = (("a", 20), ("b", 30), ("c", 20)), (("a", 10), ("b", 30), ("c", 10))


def judged(before: object, after: object, **how: float) -> tuple[Verdict, list[object]]:
    found = compared(side(before), side(after), False, **how)  # type: ignore[arg-type]
    return found.verdict, list(found.judged[0].changes)


def test_a_deterministic_cell_has_no_tolerance_and_equal_runs_pass() -> None:
    verdict, changes = judged(cell("c", ranks(20), ranks(20)), cell("c", ranks(20)))
    assert verdict is Verdict.OK
    assert [(c.outcome, c.delta, c.tolerance, c.p) for c in changes] == [("R-1", 0.0, 0.0, 1.0)]


def test_a_loss_of_many_queries_is_a_regression_and_names_them() -> None:
    verdict, changes = judged(cell("c", ranks(30)), cell("c", ranks(10)))
    assert verdict is Verdict.REGRESSED
    (change,) = changes
    assert change.lost == tuple(f"q{place}" for place in range(10, 30))
    assert change.gained == ()
    assert (change.old, change.new, change.n) == (30 / 40, 10 / 40, 40)


def test_a_gain_of_many_queries_is_an_improvement() -> None:
    assert judged(cell("c", ranks(10)), cell("c", ranks(30)))[0] is Verdict.IMPROVED


def test_a_change_that_is_no_finding_passes_with_its_queries_told() -> None:
    found = compared(side(cell("c", ranks(30))), side(cell("c", ranks(30, flipped=[0, 35]))), False)
    assert found.verdict is Verdict.OK
    assert "1 queries better, 1 worse" in found.judged[0].reason


def test_queries_of_new_individuals_do_not_count_in_r1() -> None:
    everything_new_right = ranks(20, flipped=range(40, 50))
    assert judged(cell("c", ranks(20)), cell("c", everything_new_right))[1][0].delta == 0


def test_a_change_within_what_repeats_differ_by_passes() -> None:
    noisy = [ranks(right) for right in (10, 30, 12, 28, 20)]
    verdict, (change,) = judged(cell("c", *noisy), cell("c", ranks(8)))
    assert change.p < 0.05  # the paired test alone would have alarmed
    assert abs(change.delta) < change.tolerance
    assert verdict is Verdict.OK


def test_the_tolerance_is_the_prediction_interval_of_the_repeats() -> None:
    rights = (18, 20, 22, 20, 19)
    _, (change,) = judged(cell("c", *map(ranks, rights)), cell("c", ranks(20), ranks(21)), alpha=0.01)
    spread = np.std(np.array(rights) / 40, ddof=1)
    assert change.tolerance == pytest.approx(t.ppf(1 - 0.01 / 2, 4) * spread * np.sqrt(1 / 5 + 1 / 2))


def test_a_cell_borrows_the_spread_of_the_others_but_a_deterministic_one_does_not() -> None:
    wild = cell("wild", *map(ranks, (10, 30, 20)))
    calm = cell("calm", *map(ranks, (20, 21, 20)))
    still = cell("still", *map(ranks, (15, 15, 15)))
    after = [cell(name, ranks(20)) for name in ("wild", "calm", "still")]
    found = compared(side(wild, calm, still), side(*after), False)
    tolerances = [judged.changes[0].tolerance for judged in found.judged]
    assert tolerances[0] > tolerances[1] > np.std([20 / 40, 21 / 40, 20 / 40], ddof=1) * 10
    assert tolerances[2] == 0.0


def test_cells_of_one_training_lend_their_freedom_once() -> None:
    def pair(other: str) -> list[float]:
        cells = [cell("a", *map(ranks, (10, 14, 12))), cell("b", *map(ranks, (11, 16, 12)), backbone=other)]
        after = [cell("a", ranks(12)), cell("b", ranks(13), backbone=other)]
        return [j.changes[0].tolerance for j in compared(side(*cells), side(*after), False).judged]

    assert pair("net a")[0] > pair("net b")[0]  # 2 degrees of freedom against 4


def test_a_worse_rule_is_caught_where_the_ranking_is_the_same() -> None:
    known = queries().known
    right = [known, ~known]  # calls all rightly; calls all wrongly
    before, after = (cell("c", ranks(40), said=[said]) for said in right)
    verdict, changes = judged(before, after)
    assert verdict is Verdict.REGRESSED
    assert [(c.outcome, c.delta) for c in changes] == [("R-1", 0.0), ("decision", -1.0)]


def test_a_known_query_that_is_answered_wrongly_is_no_right_decision() -> None:
    known = queries().known
    _, changes = judged(cell("c", ranks(40), said=[known]), cell("c", ranks(0), said=[known]))
    assert [(c.outcome, c.new) for c in changes] == [("R-1", 0.0), ("decision", 10 / 50)]


def test_many_cells_are_corrected_for() -> None:
    """A difference that is a finding for one comparison is none among fifty."""
    before = [cell(f"c{i}", ranks(20, flipped=[i % 20])) for i in range(50)]
    after = [
        cell(f"c{i}", ranks(20, flipped=[i % 20, *range(20, 32)]) if i == 0 else ranks(20, flipped=[i % 20]))
        for i in range(50)
    ]
    alone = compared(side(before[0]), side(after[0]), False).judged[0].changes[0]
    among = compared(side(*before), side(*after), False).judged[0].changes[0]
    assert alone.p < 0.05
    assert among.p > alone.p


def test_unchanged_code_alarms_no_more_often_than_it_says() -> None:
    """Runs whose level wanders from run to run, as trainings do: the paired test alone would alarm often."""
    rng = np.random.default_rng(0)
    hardness = rng.uniform(0, 1, 50)

    def run() -> np.ndarray:
        return np.where(rng.uniform(size=50) * 0.3 + hardness < 0.65 + rng.normal(0, 0.1), 1, 3)

    alarms, paired = 0, 0
    for _ in range(100):
        found = compared(side(cell("c", *(run() for _ in range(5)))), side(cell("c", run())), False)
        alarms += found.verdict is not Verdict.OK
        paired += found.judged[0].changes[0].p < 0.05
    assert alarms <= 10  # 5 of 100 are expected at the most
    assert paired > alarms


def test_a_change_is_told_in_points_with_its_queries_and_p() -> None:
    before, after = cell("c", *map(ranks, (28, 30, 32))), cell("c", ranks(10, flipped=[35]))
    found = compared(side(before), side(after), False).judged[0]
    (change,) = found.changes
    assert "R-1 75.0 -> 27.5 (-47.5 points;" in found.reason
    assert f"up to {100 * change.tolerance:.1f}; 1 queries better, 22 worse, p {change.p:.2g})" in found.reason


def test_a_query_that_is_lost_alone_is_told_although_it_is_no_finding() -> None:
    found = compared(side(cell("c", ranks(30))), side(cell("c", ranks(29))), False)
    assert found.verdict is Verdict.OK
    assert "0 queries better, 1 worse" in found.judged[0].reason


def test_the_reason_of_a_regression_is_what_is_a_finding_alone() -> None:
    known = queries().known
    before, after = cell("c", ranks(40), said=[known]), cell("c", ranks(39), said=[~known])
    found = compared(side(before), side(after), False).judged[0]
    assert found.verdict is Verdict.REGRESSED
    assert "decision 100.0 -> 0.0" in found.reason
    assert "R-1" not in found.reason


def test_all_findings_of_a_cell_are_told() -> None:
    known = queries().known
    before, after = cell("c", ranks(40), said=[known]), cell("c", ranks(0), said=[~known])
    told = compared(side(before), side(after), False).judged[0].reason
    assert [part.split(" ")[0] for part in told.split("); ")] == ["R-1", "decision"]


def test_a_p_of_just_alpha_is_no_finding() -> None:
    before, after = side(cell("c", ranks(30))), side(cell("c", ranks(10)))
    p = compared(before, after, False).judged[0].changes[0].p
    assert compared(before, after, False, alpha=p).verdict is Verdict.OK
    assert compared(before, after, False, alpha=p * 1.001).verdict is Verdict.REGRESSED


def test_decisions_that_the_candidate_has_lost_are_missing() -> None:
    before = cell("c", ranks(20), said=[queries().known])
    found = compared(side(before), side(cell("c", ranks(20))), False)
    assert found.verdict is Verdict.MISSING
    assert found.judged[0].reason == "the candidate holds decisions of 0 of 50 queries"


def test_decisions_that_only_the_candidate_has_are_not_compared() -> None:
    after = cell("c", ranks(20), said=[queries().known])
    assert [change.outcome for change in judged(cell("c", ranks(20)), after)[1]] == ["R-1"]


def test_decisions_that_not_every_run_holds_are_not_compared() -> None:
    whole, part = cell("c", ranks(20), said=[queries().known]), cell("c", ranks(20))
    both = whole.model_copy(update={"runs": (*whole.runs, *part.runs)})
    assert [change.outcome for change in judged(both, whole)[1]] == ["R-1"]


def test_an_answer_in_second_place_is_not_right() -> None:
    second = np.where(ranks(20) == 3, 2, 1)
    (change,) = judged(cell("c", ranks(20)), cell("c", second))[1]
    assert change.delta == 0


def test_without_a_known_query_only_decisions_are_compared() -> None:
    asked, said = queries(known=0, new=50), np.zeros(50, bool)
    both = side(cell("c", ranks(0), said=[said]), asked=asked)
    found = compared(both, both, False).judged[0].changes
    assert [(change.outcome, change.n, change.new) for change in found] == [("decision", 50, 1.0)]


def test_the_tolerance_allows_for_the_number_of_outcomes_that_differ_between_runs() -> None:
    """Two here: the twin is the same comparison as the first, and the still one never differs."""
    rights = (18, 20, 22, 20, 19)
    noisy, twin = (cell(name, *map(ranks, rights), backbone="net") for name in ("c", "twin"))
    other = cell("other", *(ranks(right, flipped=[0, 30]) for right in rights), backbone="net")
    new = side(*(cell(name, ranks(20), backbone="net") for name in ("c", "twin", "other")), cell("still", ranks(5)))
    found = compared(side(noisy, twin, other, cell("still", ranks(5), ranks(5))), new, False).judged
    expected = t.ppf(1 - 0.05 / (2 * 2), 4) * np.std(np.array(rights) / 40, ddof=1) * np.sqrt(1 / 5 + 1)
    assert [each.changes[0].tolerance for each in found] == pytest.approx([expected, expected, expected, 0.0])


def test_the_common_spread_weighs_trainings_by_their_freedom() -> None:
    rights = {"wild": (10, 30, 20), "calm": (20, 21, 20, 21, 20)}
    before = side(*(cell(name, *map(ranks, runs)) for name, runs in rights.items()))
    found = compared(before, side(*(cell(name, ranks(20 + place)) for place, name in enumerate(rights))), False)
    wild, calm = (np.var(np.array(runs) / 40, ddof=1) for runs in rights.values())
    pooled, quantile = np.sqrt((2 * wild + 4 * calm) / 6), t.ppf(1 - 0.05 / (2 * 2), 6)
    expected = [quantile * np.sqrt(wild) * np.sqrt(1 / 3 + 1), quantile * pooled * np.sqrt(1 / 5 + 1)]
    assert [each.changes[0].tolerance for each in found.judged] == pytest.approx(expected)


def test_every_test_is_told_how_many_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def spied(*given: Any) -> Paired:
        made.append(given[3])
        return compare(*given)

    monkeypatch.setattr(learnt, "compare", spied)
    before, after = (side(*(cell(name, ranks(right)) for name, right in rights)) for rights in (ONE, OTHER))
    compared(before, after, False)
    assert made == [2, 2], "a and c are one comparison"
