"""k-reciprocal re-ranking against the definition, written out with sets and dense rows."""

from __future__ import annotations

from dataclasses import replace
from math import exp
from typing import Any

import numpy as np
import pytest
from harness_plugins.fusion.k_reciprocal import ReciprocalConfig, harness_fusions
from hypothesis import given, settings
from hypothesis import strategies as st
from shortlists import drawn, fusion

from harness import CellFailed, Ranking, Shortlist

Table = list[dict[int, float]]


def table(lists: Ranking) -> Table:
    """Per row, the listed gallery images, nearest first, with their cosines."""
    found = zip(lists.order.tolist(), lists.scores.tolist(), strict=True)
    return [{g: s for g, s in zip(*row, strict=True) if g >= 0} for row in found]


def brute_force(shortlist: Shortlist, config: ReciprocalConfig) -> list[dict[int, float]]:
    """The score of each candidate of each query."""
    assert shortlist.neighbours is not None
    asked, gallery = table(shortlist.ranking), table(shortlist.neighbours)
    k1, half, size = config.k1, max(1, round(config.k1 / 2)), len(gallery)

    def within(g: int, cosine: float, depth: int) -> bool:
        return sum(other > cosine for other in gallery[g].values()) < depth

    def near(row: dict[int, float], depth: int, own: set[int]) -> set[int]:
        return own | {g for g in list(row)[:depth] if within(g, row[g], depth)}

    def encode(row: dict[int, float], own: set[int]) -> Any:
        start = near(row, k1, own)
        whole = set(start)
        for member in start:
            theirs = near(gallery[member], half, {member})
            if len(theirs & start) / len(theirs) >= 2 / 3 - 1e-9:
                whole |= theirs
        dense = np.zeros(size)
        for g in whole:
            dense[g] = 1.0 if g in own else exp(row.get(g, min(row.values(), default=1.0)) - 1)
        return dense / dense.sum() if whole else dense

    def spread(own: Any, row: dict[int, float]) -> Any:
        return np.mean([own, *(encoded[g] for g in list(row)[: config.k2 - 1])], axis=0)

    encoded = [encode(row, {g}) for g, row in enumerate(gallery)]
    final = [spread(encoded[g], gallery[g]) for g in range(size)]
    scores = []
    for row in asked:
        mine = spread(encode(row, set()), row)
        scores.append({})
        for g, cosine in row.items():
            jaccard = 1 - np.minimum(mine, final[g]).sum() / np.maximum(mine, final[g]).sum()
            scores[-1][g] = 1 - (1 - config.lambda_) * jaccard - config.lambda_ * (1 - cosine)
    return scores


def given_by(shortlist: Shortlist, config: ReciprocalConfig) -> list[dict[int, float]]:
    (spec,) = harness_fusions()
    rows = zip(shortlist.ranking.order.tolist(), spec.build(config).rank(shortlist).tolist(), strict=True)
    return [{g: s for g, s in zip(*row, strict=True) if g >= 0} for row in rows]


@given(
    seed=st.integers(0, 2**16),
    k1=st.integers(1, 9),
    k2=st.integers(1, 5),
    lambda_=st.sampled_from([0.0, 0.3, 1.0]),
    n=st.integers(9, 13),
    k=st.integers(1, 14),
    padded=st.booleans(),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_it_is_the_definition(**drawing: Any) -> None:
    config = ReciprocalConfig(**{name: drawing.pop(name) for name in ("k1", "k2", "lambda_")})
    shortlist, _ = drawn(q=3, g=14, **drawing)
    for got, expected in zip(given_by(shortlist, config), brute_force(shortlist, config), strict=True):
        assert got == pytest.approx(expected, abs=1e-9)


def test_it_is_the_definition_where_the_shortlist_is_the_whole_gallery() -> None:
    shortlist, _ = drawn(seed=7, q=10, g=40, k=40, n=39, padded=False)
    config = ReciprocalConfig(k1=12, k2=4)
    got, expected = given_by(shortlist, config), brute_force(shortlist, config)
    assert all(row == pytest.approx(other, abs=1e-9) for row, other in zip(got, expected, strict=True))
    assert any(list(row) != sorted(row, key=lambda g: -row[g]) for row in got), "it re-orders"


def test_a_lone_cosine_is_the_other_end() -> None:
    shortlist, _ = drawn(seed=2)
    valid = shortlist.ranking.order >= 0
    scores = fusion("k-reciprocal[lambda_=1]").rank(shortlist)
    assert scores[valid] == pytest.approx(shortlist.ranking.scores[valid])


def test_a_copy_of_a_gallery_image_has_no_jaccard_distance_to_it() -> None:
    shortlist, _ = drawn(seed=4, g=14, k=14, n=13, padded=False)
    near = shortlist.neighbours
    assert near is not None
    order = np.concatenate([np.arange(14)[:, None], near.order], axis=1).astype(np.int32)
    scores = np.concatenate([np.ones((14, 1)), near.scores], axis=1)
    copies = Ranking(np.array([f"copy{i}" for i in range(14)]), near.gallery_ids, order, scores)
    found = fusion("k-reciprocal[k1=5,k2=1,lambda_=0]").rank(Shortlist(copies, None, near))
    # The copy takes one of the query's own k1 places, so the sets may differ by one image, and in most rows do not.
    assert np.median(found[:, 0]) > 0.8
    assert (found.argmax(axis=1) == 0).mean() > 0.8


def test_it_needs_no_matcher_and_says_how_many_neighbours_it_wants() -> None:
    (spec,) = harness_fusions()
    config = spec.config(k1=7)
    assert (spec.needs_matches(config), spec.neighbours(config)) == (False, 7)
    shortlist, _ = drawn(seed=5)
    alone = fusion("k-reciprocal[k1=7]").rank(replace(shortlist, local=None))
    assert np.array_equal(alone, fusion("k-reciprocal[k1=7]").rank(shortlist))


@pytest.mark.parametrize(("n", "problem"), [(None, "handed no neighbours"), (4, "needs 7 .* handed only 4")])
def test_too_few_neighbours_fail(n: int | None, problem: str) -> None:
    shortlist, _ = drawn(seed=6, n=n or 4)
    with pytest.raises(CellFailed, match=problem):
        fusion("k-reciprocal[k1=7]").rank(shortlist if n else replace(shortlist, neighbours=None))
