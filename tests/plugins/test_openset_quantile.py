"""The quantile rule keeps the share of known validation queries that was asked for, and no more than it must."""

from __future__ import annotations

import numpy as np
import pytest
from harness_plugins.openset.quantile import Quantile, QuantileConfig
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from queries import scores, truth


def threshold(known: list[float], keep: float, new: list[float] = []) -> float:  # noqa: B006
    made = scores(cosine=[*known, *new])
    return Quantile("cosine", keep=keep).fit(made, truth([True] * len(known) + [False] * len(new))).pooled


def test_95_of_100_are_kept() -> None:
    assert threshold(np.arange(100.0).tolist(), 0.95) == 5
    assert threshold(np.arange(100.0).tolist(), 1) == 0
    assert threshold(np.arange(100.0).tolist(), 1e-6) == 99, "one at least"


def test_new_queries_do_not_matter() -> None:
    assert threshold([1, 2, 3, 4], 0.5, [9.0] * 50) == threshold([1, 2, 3, 4], 0.5) == 3


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(1, 100))
@example(list(range(25)), 28)  # 0.28 x 25 is a little more than 7
def test_it_is_the_highest_threshold_that_keeps_enough(known: list[int], percent: int) -> None:
    chosen = threshold([float(k) for k in known], percent / 100)
    values = np.array(known)
    good = [t for t in np.unique(values) if 100 * (values >= t).sum() >= percent * len(values)]
    assert chosen == max(good)


@pytest.mark.parametrize("keep", [0.0, 1.01, float("nan")])
def test_a_share_that_is_none_is_refused(keep: float) -> None:
    with pytest.raises(ValidationError):
        QuantileConfig(keep=keep)
