"""The sum of standardised scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shortlists import drawn, fusion, rows
from sklearn.preprocessing import StandardScaler

from harness import CellFailed, PairScores, Ranking, Shortlist
from harness.stages.fuse import fuse

VALIDATION, TRUTH = drawn(seed=0, q=24)
ASKED, _ = drawn(seed=1)


def test_a_hand_worked_table() -> None:
    ranking = Ranking(np.array(["q"]), np.array(["a", "b"]), np.array([[0, 1]], np.int32), np.array([[0.9, 0.5]]))
    count = np.array([[0, np.e**2 - 1]], np.float32)  # logarithms 0 and 2
    shortlist = Shortlist(ranking, PairScores(count, count, count, np.array([9]), np.array([[9, 9]])))
    scores = fusion("sum[weight=0.75]").fit(shortlist, np.zeros((1, 2), bool)).rank(shortlist)
    assert scores[0].tolist() == pytest.approx([0.25 * 1 - 0.75 * 1, -0.25 * 1 + 0.75 * 1], abs=1e-6)


@pytest.mark.parametrize("local", ["count", "confidence", "inliers"])
def test_it_is_the_weighted_sum_of_what_sklearn_gives(local: str) -> None:
    known, valid = VALIDATION.ranking.order >= 0, ASKED.ranking.order >= 0

    def z(fitted: np.ndarray, asked: np.ndarray) -> np.ndarray:
        return np.asarray(StandardScaler().fit(fitted[known][:, None]).transform(asked[valid][:, None])[:, 0])

    found, wanted = (np.log1p(getattr(one.local, local).astype(float)) for one in (VALIDATION, ASKED))
    expected = 0.6 * z(VALIDATION.ranking.scores, ASKED.ranking.scores) + 0.4 * z(found, wanted)
    scores = fusion(f"sum[local={local},weight=0.4]").fit(VALIDATION, TRUTH).rank(ASKED)
    assert scores[valid] == pytest.approx(expected)


def test_the_truth_is_not_looked_at() -> None:
    scores = [fusion("sum").fit(VALIDATION, truth).rank(ASKED) for truth in (TRUTH, ~TRUTH)]
    assert np.array_equal(*scores)


def test_a_matcher_that_found_nothing_on_validation_is_ignored() -> None:
    assert VALIDATION.local is not None
    silent = replace(VALIDATION, local=replace(VALIDATION.local, count=np.zeros_like(VALIDATION.local.count)))
    assert np.array_equal(fuse(fusion("sum").fit(silent, TRUTH), ASKED).order, ASKED.ranking.order)


def test_validation_without_a_pair_fails() -> None:
    with pytest.raises(CellFailed, match="0 pairs"):
        fusion("sum").fit(rows(VALIDATION, []), TRUTH[:0])
