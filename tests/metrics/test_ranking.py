"""R-k and tie rate on lists worked out by hand."""

from __future__ import annotations

import numpy as np

from harness.metrics.ranking import first_hits, tied_first, within
from harness.types import Ranking

GALLERY = np.array(["ann", "ann", "bo", "bo", "cy"])
RANKING = Ranking(
    np.array(["q0", "q1", "q2", "q3"]),
    np.array(["g0", "g1", "g2", "g3", "g4"]),
    np.array([[2, 3, 0, 1], [4, 0, 1, 2], [0, 1, -1, -1], [-1, -1, -1, -1]], np.int32),
    np.array([[0.9, 0.9, 0.8, 0.7], [0.9, 0.8, 0.8, 0.8], [0.5, 0.4, -np.inf, -np.inf], [-np.inf] * 4]),
)


def test_first_hit_counts_images_or_individuals() -> None:
    asked = np.array(["ann", "bo", "ann", "ann"])
    assert first_hits(RANKING, asked, GALLERY).tolist() == [3, 4, 1, 0]
    assert first_hits(RANKING, asked, GALLERY, "identity").tolist() == [2, 3, 1, 0]


def test_an_answer_that_is_not_in_the_list_is_no_hit() -> None:
    # cy is the last of the gallery: padding, -1, must not be taken for it
    assert first_hits(RANKING, np.array(["cy", "dan", "cy", "cy"]), GALLERY).tolist() == [0, 0, 0, 0]
    assert first_hits(RANKING, np.array(["cy", "dan", "cy", "cy"]), GALLERY, "identity").tolist() == [0, 0, 0, 0]


def test_within_k_is_an_outcome_a_query() -> None:
    hits = np.array([3, 1, 0, 10])
    assert within(hits, 1).tolist() == [0, 1, 0, 0]
    assert within(hits, 3).tolist() == [1, 1, 0, 0]
    assert within(hits, 10).tolist() == [1, 1, 0, 1]
    assert within(hits, 1).dtype == np.float64


def test_both_levels_agree_at_the_first_place_and_on_who_is_found() -> None:
    rng = np.random.default_rng(0)
    gallery = np.array([f"a{i}" for i in rng.integers(0, 9, 60)])
    order = np.array([rng.permutation(60)[:20] for _ in range(200)], np.int32)
    ids = np.array([f"q{i}" for i in range(200)]), np.array([f"g{i}" for i in range(60)])
    ranking = Ranking(*ids, order, np.tile(np.arange(20, 0, -1.0), (200, 1)))
    asked = np.array([f"a{i}" for i in rng.integers(0, 11, 200)])
    image, identity = (first_hits(ranking, asked, gallery, level) for level in ("image", "identity"))
    assert np.array_equal(image == 1, identity == 1)
    assert np.array_equal(image > 0, identity > 0)
    assert (identity <= image).all()
    assert (identity < image).any()


def test_the_first_place_is_tied_when_the_second_has_its_score() -> None:
    assert tied_first(RANKING).tolist() == [1, 0, 0, 0], "ties lower down, and padding, are none"


def test_a_list_of_one_cannot_tie() -> None:
    one = Ranking(RANKING.query_ids, RANKING.gallery_ids, RANKING.order[:, :1], RANKING.scores[:, :1])
    assert tied_first(one).tolist() == [0, 0, 0, 0]
