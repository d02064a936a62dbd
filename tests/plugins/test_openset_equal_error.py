"""The equal-error rule against a search over all thresholds."""

from __future__ import annotations

import numpy as np
import pytest
from harness_plugins.openset.equal_error import EqualError
from hypothesis import given, settings
from hypothesis import strategies as st
from queries import scores, truth


def test_both_kinds_are_mistaken_equally_often() -> None:
    known = [True] * 5 + [False] * 5
    made = scores(cosine=[9, 8, 7, 6, 2, 7.5, 4, 3, 1, 0])
    rule = EqualError("cosine").fit(made, truth(known))
    said = rule.decide(made)[0]
    assert (~said[:5]).sum() == said[5:].sum() == 1
    assert rule.pooled == 5, "half-way from 6 down to 4"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=30))
def test_no_threshold_has_error_rates_that_are_closer(rows: list[tuple[int, bool]]) -> None:
    values, known = np.array([float(v) for v, _ in rows]), np.array([k for _, k in rows])
    known[:2] = True, False
    said = EqualError("cosine").fit(scores(cosine=values), truth(known)).decide(scores(cosine=values))[0]

    def rates(answer: np.ndarray) -> tuple[float, float]:
        return (~answer)[known].mean(), answer[~known].mean()

    every = [rates(values >= t) for t in (*np.unique(values), np.inf)]
    missed, alarms = rates(said)
    closest = min(abs(a - b) for a, b in every)
    assert abs(missed - alarms) == pytest.approx(closest)
    assert missed + alarms == pytest.approx(min(a + b for a, b in every if abs(a - b) < closest + 1e-9))
