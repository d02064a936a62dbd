"""What holds of every fusion, whatever it computes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shortlists import drawn, fusion, names, renumbered, rows

from harness import CellFailed, Fusion, PairScores, Ranking, Shortlist
from harness.registry import Registry
from harness.stages.fuse import fuse

LOCAL = [
    "replace",
    "replace[by=inliers]",
    "replace[by=normalised]",
    "isotonic",
    "isotonic[local=normalised,weight=0.3]",
    "logistic",
    "logistic[local=confidence,weight=0.8]",
    "rrf",
    "rrf[k=5,local=normalised]",
    "sum",
    "sum[local=normalised,weight=0.7]",
]
ALL = [*LOCAL, "k-reciprocal[k1=5,k2=3]"]
VALIDATION = drawn(seed=0, q=24, padded=False)


@cache
def fitted(ref: str) -> Any:
    """The fusion, fitted on validation."""
    return fusion(ref).fit(*VALIDATION)


seeds = st.integers(0, 2**16)
few = settings(max_examples=12, deadline=None, derandomize=True)
every = pytest.mark.parametrize("ref", ALL)
with_matches = pytest.mark.parametrize("ref", LOCAL)


def named(shortlist: Shortlist, scores: Any) -> list[dict[str, float]]:
    """Per query, the score of each candidate by its name."""
    order, ids = shortlist.ranking.order, shortlist.ranking.gallery_ids
    return [
        {str(ids[g]): float(s) for g, s in zip(row, line, strict=True) if g >= 0}
        for row, line in zip(order, scores, strict=True)
    ]


def test_no_fusion_is_left_out() -> None:
    assert {ref.partition("[")[0] for ref in ALL} == {entry.spec.name for entry in Registry.load().entries("fusion")}
    assert all(isinstance(fitted(ref), Fusion) for ref in ALL)


@every
@given(seed=seeds)
@few
def test_scores_are_finite_and_the_candidates_stay(ref: str, seed: int) -> None:
    shortlist, _ = drawn(seed)
    valid = shortlist.ranking.order >= 0
    assert np.isfinite(fitted(ref).rank(shortlist)[valid]).all()
    fused = fuse(fitted(ref), shortlist)
    assert np.array_equal(np.sort(fused.order, axis=1), np.sort(shortlist.ranking.order, axis=1))


@every
@given(seed=seeds)
@few
def test_a_query_is_ranked_as_if_it_came_alone(ref: str, seed: int) -> None:
    shortlist, _ = drawn(seed, q=4)
    together = fitted(ref).rank(shortlist)
    alone = np.concatenate([fitted(ref).rank(rows(shortlist, [row])) for row in range(4)])
    assert np.array_equal(together, alone)


@every
@given(seed=seeds)
@few
def test_the_row_order_of_the_gallery_decides_nothing(ref: str, seed: int) -> None:
    shortlist, _ = drawn(seed)
    other = renumbered(shortlist, np.random.default_rng(seed).permutation(len(shortlist.ranking.gallery_ids)))
    assert named(shortlist, fitted(ref).rank(shortlist)) == named(other, fitted(ref).rank(other))
    orders = [one.gallery_ids[one.order] for one in (fuse(fitted(ref), shortlist), fuse(fitted(ref), other))]
    valid = shortlist.ranking.order >= 0  # padding stands at the end, before and after
    assert np.array_equal(orders[0][valid], orders[1][valid])


@with_matches
@given(seed=seeds)
@few
def test_candidates_of_one_cosine_may_come_in_any_order(ref: str, seed: int) -> None:
    shortlist, _ = drawn(seed, q=1, padded=False, decimals=0)
    ranking, local = shortlist.ranking, shortlist.local
    assert local is not None
    shuffled = np.lexsort((np.random.default_rng(seed).random(8), -ranking.scores[0]))
    turned = Shortlist(
        replace(ranking, order=ranking.order[:, shuffled]),
        replace(
            local,
            **{name: getattr(local, name)[:, shuffled] for name in ("count", "confidence", "inliers")},
            candidate_keypoints=local.candidate_keypoints[:, shuffled],
        ),
    )
    assert named(shortlist, fitted(ref).rank(shortlist)) == named(turned, fitted(ref).rank(turned))


@with_matches
@given(seed=seeds, more=st.integers(1, 40))
@few
def test_more_matches_never_lower_a_candidate(ref: str, seed: int, more: int) -> None:
    shortlist, _ = drawn(seed, q=1, padded=False)
    local = shortlist.local
    assert local is not None
    column = seed % 8
    raised = {name: getattr(local, name).copy() for name in ("count", "confidence", "inliers")}
    for values in raised.values():
        values[0, column] += more
    better = fitted(ref).rank(replace(shortlist, local=replace(local, **raised)))
    assert better[0, column] >= fitted(ref).rank(shortlist)[0, column]


@every
@pytest.mark.parametrize(("q", "k", "g"), [(0, 8, 12), (0, 0, 0), (3, 0, 12), (3, 0, 0), (2, 1, 1)])
def test_no_query_no_candidate_and_no_gallery_are_ranked_too(ref: str, q: int, k: int, g: int) -> None:
    zeros = np.zeros((q, k), np.float32)
    local = PairScores(zeros, zeros, zeros, np.zeros(q, np.int32), np.zeros((q, k), np.int32))
    ranking = Ranking(names("q", q), names("g", g), zeros.astype(np.int32), zeros.astype(np.float64))
    width = min(5, max(g - 1, 0))
    near = Ranking(names("g", g), names("g", g), np.full((g, width), -1, np.int32), np.full((g, width), -np.inf))
    fused = fuse(fitted(ref), Shortlist(ranking, local, near))
    assert fused.order.shape == (q, k)
    assert np.isfinite(fused.scores).all()


@every
def test_neither_fit_nor_rank_changes_what_it_is_handed(ref: str) -> None:
    (shortlist, truth), (untouched, _) = drawn(seed=0, q=24, padded=False), VALIDATION
    fitted(ref).rank(shortlist)
    fusion(ref).fit(shortlist, truth)
    assert np.array_equal(shortlist.ranking.order, untouched.ranking.order)
    assert np.array_equal(shortlist.ranking.scores, untouched.ranking.scores)
    assert shortlist.local is not None
    assert untouched.local is not None
    assert np.array_equal(shortlist.local.count, untouched.local.count)


@with_matches
def test_a_cell_without_a_matcher_is_told_so(ref: str) -> None:
    with pytest.raises(CellFailed, match="no matcher"):
        fitted(ref).rank(replace(VALIDATION[0], local=None))


@pytest.mark.parametrize("ref", ["isotonic", "logistic", "sum"])
def test_what_is_fitted_fails_before_it_is(ref: str) -> None:
    with pytest.raises(CellFailed, match="before it is fitted"):
        fusion(ref).rank(VALIDATION[0])
