"""The study's re-ranking: the match count replaces the cosine."""

from __future__ import annotations

import numpy as np
import pytest
from harness_plugins.fusion.replace import ReplaceConfig, harness_fusions
from pydantic import ValidationError

from harness import Fusion, PairScores, Ranking
from harness.stages.fuse import fuse

RANKING = Ranking(
    np.array(["q"]), np.array(["g0", "g1", "g2"]), np.array([[2, 0, 1]], np.int32), np.array([[0.9, 0.8, 0.7]])
)
LOCAL = PairScores(
    np.array([[5, 9, 5]], np.float32),
    np.array([[4, 2, 3]], np.float32),
    np.array([[0, 0, 3]], np.float32),
    np.array([60], np.int32),
)


@pytest.mark.parametrize(("by", "order"), [("count", [0, 2, 1]), ("confidence", [2, 1, 0]), ("inliers", [1, 2, 0])])
def test_the_chosen_score_orders_and_ties_keep_the_global_order(by: str, order: list[int]) -> None:
    (spec,) = harness_fusions()
    fusion = spec.build(spec.config(by=by))
    assert isinstance(fusion, Fusion)
    fitted = fusion.fit(RANKING, LOCAL, np.array([[True, False, False]]))
    fused = fuse(fitted, RANKING, LOCAL)
    assert fused.order.tolist() == [order]
    assert fused.scores[0].tolist() == sorted(getattr(LOCAL, by)[0].tolist(), reverse=True)


def test_count_is_the_default_and_other_scores_are_refused() -> None:
    assert ReplaceConfig().by == "count"
    with pytest.raises(ValidationError):
        ReplaceConfig(by="cosine")  # type: ignore[arg-type]
