"""The median rule: worked by hand, from new animals alone, and robust."""

from __future__ import annotations

import numpy as np
import pytest
from harness_plugins.openset.median_mad import MedianMad
from queries import scores, truth

from harness import CellFailed


def fitted(new: list[float], k: float = 3.0, known: list[float] = []) -> MedianMad:  # noqa: B006
    made = scores(cosine=[*known, *new])
    return MedianMad("cosine", k=k).fit(made, truth([True] * len(known) + [False] * len(new)))


def test_the_threshold_worked_by_hand() -> None:
    # median 3, absolute deviations 2 1 0 1 97, so their median is 1
    assert fitted([1, 2, 3, 4, 100]).pooled == pytest.approx(3 + 3 * 1.4826, abs=1e-3)
    assert fitted([1, 2, 3, 4, 100], k=0).pooled == pytest.approx(3)


def test_known_queries_and_one_wild_score_do_not_matter() -> None:
    plain = fitted([1, 2, 3, 4, 5])
    assert fitted([1, 2, 3, 4, 5e9]).pooled == plain.pooled
    assert fitted([1, 2, 3, 4, 5], known=[7.0, 9.0]).pooled == plain.pooled


def test_of_a_normal_herd_so_many_are_taken_for_known_as_the_normal_law_says() -> None:
    new = np.random.default_rng(0).normal(0.3, 0.1, 5000)
    rule = fitted(new.tolist(), k=1.645)
    assert rule.decide(scores(cosine=new))[0].mean() == pytest.approx(0.05, abs=0.01)


def test_scores_that_are_mostly_equal_are_not_all_known() -> None:
    rule = fitted([0, 0, 0, 0, 5])
    assert rule.decide(scores(cosine=[0, 1]))[0].tolist() == [False, True]


def test_two_new_queries_are_too_few() -> None:
    with pytest.raises(CellFailed, match="2 new"):
        fitted([1, 2], known=[1.0] * 20)
