"""Curves at their edges: whole percents that floating point would miss, ties across kinds, draws with zeros."""

from __future__ import annotations

import numpy as np
import pytest

from harness.metrics.curves import Curves


def numbers(
    known: np.ndarray, new: np.ndarray, right: np.ndarray | None = None, **weights: np.ndarray
) -> dict[str, float]:
    """Each query is an individual of its own; weights are its draws."""
    n, m = len(known), len(new)
    mask = np.arange(n + m) < n
    hit = np.concatenate([np.ones(n, bool) if right is None else right, np.zeros(m, bool)])
    names = np.array([f"a{i:04}" for i in range(n + m)])
    curves = Curves.of(np.concatenate([known, new]).astype(float), hit, names, mask)
    draws = weights.get("of_known", np.ones(n))[None], weights.get("of_new", np.ones(m))[None]
    return {name: float(column[0]) for name, column in curves.numbers(*draws).items()}


@pytest.mark.parametrize("n", [20, 40, 60, 100, 220])
def test_exactly_95_percent_are_enough(n: int) -> None:
    known = np.arange(n) + 1.0  # the lowest twentieth lies below every new query
    new = np.array([n // 20 + 0.5, 0.5])
    assert numbers(known, new)["FPR95"] == 0
    assert numbers(known[1:], np.array([n // 20 + 0.5, 0.5]))["FPR95"] == 0, "more than 95 percent"
    assert numbers(known, new - 1, known > 0)["FPR95"] == 0
    assert numbers(known, new + 1)["FPR95"] == 0.5, "the last one needed is as low as a new one"


@pytest.mark.parametrize(("new", "one", "ten"), [(9, 0.0, 0.0), (10, 0.0, 0.5), (99, 0.0, 0.5), (100, 0.5, 0.5)])
def test_a_false_alarm_is_allowed_from_the_hundredth_and_the_tenth_new_query_on(
    new: int, one: float, ten: float
) -> None:
    # one new query is the surest of all, then comes a known one; the other known one is below all new ones
    made = numbers(np.array([5.0, -1.0]), np.concatenate([[9.0], np.linspace(0, 1, new - 1)]))
    assert (made["DIR@FAR1"], made["DIR@FAR10"]) == (one, ten)


def test_a_new_query_as_sure_as_a_known_one_stands_or_falls_with_it() -> None:
    made = numbers(np.array([2.0, 1.0]), np.array([2.0, 0.0]))
    assert made == {
        "AUROC": pytest.approx((0.5 + 1 + 0 + 1) / 4),
        "FPR95": 0.5,
        "OSCR": pytest.approx((0.5 + 1 + 0 + 1) / 4),
        "DIR@FAR1": 0.0,
        "DIR@FAR10": 0.0,
        "BAKS-BAUS area": pytest.approx((0.5 + 1 + 0 + 1) / 4),
    }


def test_wrong_first_answers_count_against_identification_and_not_against_detection() -> None:
    known, new, right = np.array([3.0, 2.0, 1.0]), np.array([0.0, -1.0]), np.array([True, False, True])
    made = numbers(known, new, right)
    assert (made["AUROC"], made["FPR95"]) == (1, 0)
    assert (made["OSCR"], made["DIR@FAR1"], made["BAKS-BAUS area"]) == (pytest.approx(2 / 3),) * 3


def test_queries_that_are_not_drawn_are_not_there() -> None:
    known, new = np.array([4.0, 3.0, 1.0]), np.array([3.5, 2.0])
    drawn = numbers(known, new, of_known=np.array([2.0, 0.0, 1.0]), of_new=np.array([0.0, 2.0]))
    written = numbers(np.array([4.0, 4.0, 1.0]), np.array([2.0, 2.0]))
    assert drawn == pytest.approx(written)
