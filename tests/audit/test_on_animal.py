"""Shares of matched keypoints on the animal, against counts by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.audit.on_animal import Place, Share, pair_seen, shares

QUERY = Place(np.array([True, True, False, False]), 0.25)
CANDIDATE = Place(np.array([True, False]), 0.5)
NOBODY = Place(np.zeros(0, np.bool_), 0.5)


def matches(*pairs: tuple[int, int]) -> NDArray[np.int32]:
    return np.array(pairs, np.int32).reshape(-1, 2)


def by_kind(found: tuple[Share, ...]) -> dict[tuple[str, str], Share]:
    return {(share.pairs, share.ends): share for share in found}


def test_ends_on_the_animal_are_counted() -> None:
    pair = pair_seen(3, True, QUERY, CANDIDATE, matches((0, 0), (1, 1), (2, 0)))
    assert (pair.query, pair.right, pair.matches, pair.on_query, pair.on_both) == (3, True, 3, 2, 1)
    assert (pair.area_query, pair.area_both, pair.keypoints_query, pair.keypoints_both) == (0.25, 0.125, 0.5, 0.25)


def test_the_strongest_keypoints_are_those_that_take_part() -> None:
    assert [replace(QUERY, taken=taken).share for taken in (None, 3, 2, 0)] == [0.5, 2 / 3, 1, 0]
    late = pair_seen(0, True, replace(QUERY, taken=1), CANDIDATE, matches((1, 0)))
    assert (late.on_both, late.keypoints_query) == (1, 1), "a matcher that takes more is still counted right"
    assert NOBODY.share == 0


def test_a_place_knows_its_area() -> None:
    assert Place.of(np.zeros(0, np.bool_), np.array([[255, 0], [0, 0]], np.uint8)).area == 0.25


def test_shares_by_hand() -> None:
    """Query 0: two right pairs, pooled over their matches; query 1: no match; query 2: one right, one wrong pair."""
    pairs = [
        pair_seen(0, True, QUERY, CANDIDATE, matches((0, 0), (1, 1), (2, 0))),
        pair_seen(0, True, QUERY, Place(np.array([True]), 1.0), matches((3, 0))),
        pair_seen(1, True, QUERY, CANDIDATE, matches()),
        pair_seen(1, False, QUERY, NOBODY, matches()),
        pair_seen(2, True, QUERY, CANDIDATE, matches((0, 0))),
        pair_seen(2, False, QUERY, CANDIDATE, matches((3, 1))),
    ]
    found = by_kind(shares(pairs, np.array(["a", "b", "c"])))
    query, both, wrong = found["right", "query"], found["right", "both"], found["wrong", "both"]
    assert query.share.value == pytest.approx((2 / 4 + 1) / 2)
    assert both.share.value == pytest.approx((1 / 4 + 1) / 2)
    assert query.by_area.value == pytest.approx(0.25)
    assert both.by_area.value == pytest.approx(((3 * 0.125 + 0.25) / 4 + 0.125) / 2)
    assert both.by_keypoints.value == pytest.approx(((3 * 0.25 + 0.5) / 4 + 0.25) / 2)
    assert both.excess.value == pytest.approx((both.share.value or 0) - (both.by_keypoints.value or 0))
    assert (query.share.n, query.n_pairs, query.n_matched) == (2, 4, 3)
    assert (wrong.share.value, wrong.share.n, wrong.n_pairs, wrong.n_matched) == (0, 1, 2, 1)
    assert wrong.share.low is None, "a single individual has no interval"


def test_an_interval_is_over_individuals() -> None:
    """Ten queries of one animal, all with one share, are one observation beside another animal's."""
    pairs = [pair_seen(query, True, QUERY, CANDIDATE, matches((0 if query < 10 else 2, 0))) for query in range(20)]
    found = by_kind(shares(pairs, np.array(["a"] * 10 + ["b"] * 10)))["right", "query"].share
    assert (found.value, found.n, found.low, found.high) == (0.5, 20, 0.0, 1.0)


def test_chance_matches_have_no_excess() -> None:
    """Matches between keypoints drawn at random lie where the keypoints lie."""
    rng = np.random.default_rng(0)
    pairs = []
    for query in range(300):
        places = [Place(rng.random(80) < share, 0.5) for share in rng.uniform(0.1, 0.9, 2)]
        pairs.append(pair_seen(query, True, *places, rng.integers(80, size=(30, 2)).astype(np.int32)))
    found = by_kind(shares(pairs, np.arange(300).astype(str)))
    for ends in ("query", "both"):
        excess = found["right", ends].excess
        assert excess.value == pytest.approx(0, abs=0.02)
        assert (excess.low or 0) < 0.003
        assert (excess.high or 0) > -0.003


def test_no_pair_at_all() -> None:
    found = shares([], np.array(["a", "b"]))
    assert [(share.share.value, share.share.n, share.n_pairs) for share in found] == [(None, 0, 0)] * 4
