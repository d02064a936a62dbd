"""The best-product rule: no threshold has a better sqrt(BAKS x BAUS), by a search over all of them."""

from __future__ import annotations

import numpy as np
import pytest
from harness_plugins.openset.best_product import BestProduct
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import scores, truth

from harness import CellFailed, QueryTruth


def product(said: np.ndarray, made: QueryTruth) -> float:
    def balanced(outcome: np.ndarray, of: np.ndarray) -> float:
        return float(np.mean([outcome[made.identity == name].mean() for name in np.unique(made.identity[of])]))

    return float(np.sqrt(balanced(said & made.right, made.known) * balanced(~said, ~made.known)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.booleans(), st.integers(0, 3)), min_size=2, max_size=30))
def test_no_threshold_has_a_better_product(rows: list[tuple[int, bool, bool, int]]) -> None:
    values, known = np.array([float(row[0]) for row in rows]), np.array([row[1] for row in rows])
    right = np.array([row[2] for row in rows])
    known[:2], right[0] = (True, False), True
    made = truth(known, right & known, [f"{'k' if k else 'n'}{row[3]}" for k, row in zip(known, rows, strict=True)])
    said = BestProduct("cosine").fit(scores(cosine=values), made).decide(scores(cosine=values))[0]
    assert product(said, made) == pytest.approx(max(product(values >= t, made) for t in (*np.unique(values), np.inf)))


def test_wrong_first_answers_do_not_pull_the_threshold_down() -> None:
    values, known = [0.9, 0.5, 0.4, 0.6, 0.1], [True, True, True, False, False]
    right = [True, False, False, False, False]
    made = scores(cosine=values)
    assert BestProduct("cosine").fit(made, truth(known, right)).pooled == pytest.approx(0.75)
    assert BestProduct("cosine").fit(made, truth(known)).pooled < 0.5, "were they right, they would"


def test_each_individual_counts_alike() -> None:
    # ann's three queries lie between the two of the new animals; bo's one below: five to one, or one to one
    values = [5, 5, 5, 1, 3, 3]
    known = [True] * 4 + [False] * 2
    alike = BestProduct("cosine").fit(scores(cosine=values), truth(known, identity=["ann"] * 3 + ["bo", "cy", "dee"]))
    assert alike.pooled == 4, "half of the known individuals and all of the new ones"


def test_without_a_right_first_answer_there_is_nothing_to_fit() -> None:
    with pytest.raises(CellFailed, match="0 known and 1 new"):
        BestProduct("cosine").fit(scores(cosine=[0.9, 0.1]), truth([True, False], [False, False]))
