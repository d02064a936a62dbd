"""Tolerances that are learnt from repeats, and the paired test beside them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t
from sides import cell, queries, ranks, side

from harness.compare.judge import compared
from harness.compare.verdict import Verdict


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
