"""The study's re-ranking: the match count replaces the cosine."""

from __future__ import annotations

import numpy as np
import pytest
from harness_plugins.fusion.replace import ReplaceConfig, harness_fusions
from pydantic import ValidationError

from harness import Fusion, PairScores, Ranking, Shortlist
from harness.stages.fuse import fuse

RANKING = Ranking(
    np.array(["q"]), np.array(["g0", "g1", "g2"]), np.array([[2, 0, 1]], np.int32), np.array([[0.9, 0.8, 0.7]])
)
LOCAL = PairScores(
    np.array([[5, 9, 5]], np.float32),
    np.array([[4, 2, 3]], np.float32),
    np.array([[0, 0, 3]], np.float32),
    np.array([60], np.int32),
    np.array([[60, 240, 15]], np.int32),
)
NORMALISED = [5 / 60, 9 / 120, 5 / 30]


@pytest.mark.parametrize(
    ("by", "order"),
    [("count", [0, 2, 1]), ("confidence", [2, 1, 0]), ("inliers", [1, 2, 0]), ("normalised", [1, 2, 0])],
)
def test_the_chosen_score_orders_and_ties_keep_the_global_order(by: str, order: list[int]) -> None:
    (spec,) = harness_fusions()
    fusion = spec.build(spec.config(by=by))
    assert isinstance(fusion, Fusion)
    fitted = fusion.fit(Shortlist(RANKING, LOCAL), np.array([[True, False, False]]))
    fused = fuse(fitted, Shortlist(RANKING, LOCAL))
    assert fused.order.tolist() == [order]
    expected = NORMALISED if by == "normalised" else getattr(LOCAL, by)[0].tolist()
    assert fused.scores[0].tolist() == pytest.approx(sorted(expected, reverse=True))


def test_where_an_image_has_no_keypoint_the_normalised_count_is_zero() -> None:
    (spec,) = harness_fusions()
    empty = PairScores(*[np.zeros((2, 3), np.float32)] * 3, np.array([0, 9], np.int32), np.array([[4, 0, 4]] * 2))
    two = Ranking(
        np.array(["p", "q"]), RANKING.gallery_ids, *(np.repeat(a, 2, 0) for a in (RANKING.order, RANKING.scores))
    )
    assert spec.build(spec.config(by="normalised")).rank(Shortlist(two, empty)).tolist() == [[0, 0, 0]] * 2


def test_count_is_the_default_and_other_scores_are_refused() -> None:
    assert ReplaceConfig().by == "count"
    with pytest.raises(ValidationError):
        ReplaceConfig(by="cosine")  # type: ignore[arg-type]
