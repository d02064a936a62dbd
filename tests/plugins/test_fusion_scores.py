"""The pieces that fusions share."""

from __future__ import annotations

import numpy as np
import pytest
from harness_plugins.fusion._scores import sources, standard
from shortlists import drawn


def test_values_are_standardised_by_their_own_mean_and_deviation() -> None:
    values = np.array([1.0, 2.0, 3.0, 6.0])
    scale = standard(values)
    assert (scale.mean, scale.deviation) == (3.0, pytest.approx(np.sqrt(14 / 4)))
    assert scale(np.array([3.0, 3 + np.sqrt(3.5)])).tolist() == pytest.approx([0, 1])


@pytest.mark.parametrize("values", [[0.1] * 1000, [7.0], [0.0, 1e-12]])
def test_what_does_not_vary_says_nothing(values: list[float]) -> None:
    assert standard(np.array(values))(np.array([-5.0, 0.0, 1e6])).tolist() == [0, 0, 0]


def test_sources_are_cosine_and_log_of_the_local_score_and_padding_is_zero() -> None:
    shortlist, _ = drawn(seed=3)
    cosine, local = sources(shortlist, "count")
    valid = shortlist.ranking.order >= 0
    assert 0 < valid.sum() < valid.size
    assert shortlist.local is not None
    assert np.array_equal(cosine[valid], shortlist.ranking.scores[valid])
    assert np.allclose(np.exp(local), 1 + shortlist.local.count)
    assert not cosine[~valid].any()
    assert not local[~valid].any()
