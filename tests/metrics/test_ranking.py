"""Ranking metrics on lists worked out by hand, against brute force and scikit-learn, and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics.ranking import (
    Level,
    answered_hits,
    average_precision,
    first_hits,
    hit_by_chance,
    precision_by_chance,
    right_answers,
    tied_first,
    within,
    within_at_random,
)
from harness.types import Ranking

LEVELS: tuple[Level, Level] = ("image", "identity")

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


# --- against brute force, and by properties -------------------------------------------------------------------------


def lists(seed: int, queries: int = 40, gallery: int = 30, k: int = 12, animals: int = 6, levels: int = 5) -> tuple:
    """Random rankings with many ties, some rows padded, some queries of individuals that nobody has."""
    rng = np.random.default_rng(seed)
    owner = np.array([f"a{i}" for i in rng.integers(0, animals, gallery)])
    order = np.array([rng.permutation(gallery)[:k] for _ in range(queries)], np.int32)
    scores = -np.sort(-rng.integers(0, levels, (queries, k)).astype(float), axis=1)
    for row in range(0, queries, 7):
        order[row, k // 2 :], scores[row, k // 2 :] = -1, -np.inf
    ids = np.array([f"q{i}" for i in range(queries)]), np.array([f"g{i}" for i in range(gallery)])
    asked = np.array([f"a{i}" for i in rng.integers(0, animals + 2, queries)])
    return Ranking(*ids, order, scores), asked, owner


def names(ranking: Ranking, owner: np.ndarray, row: int) -> list[str]:
    return [str(owner[place]) for place in ranking.order[row] if place >= 0]


@pytest.mark.parametrize("seed", range(5))
def test_identity_rank_is_the_place_among_distinct_individuals(seed: int) -> None:
    ranking, asked, owner = lists(seed)
    for row, hit in enumerate(first_hits(ranking, asked, owner, "identity")):
        distinct = list(dict.fromkeys(names(ranking, owner, row)))
        assert hit == (distinct.index(asked[row]) + 1 if asked[row] in distinct else 0)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_scikit_learns_where_the_list_is_the_whole_gallery(seed: int) -> None:
    from sklearn.metrics import average_precision_score

    ranking, asked, owner = lists(seed, k=30, levels=1000)
    right = right_answers(ranking, asked, owner)
    whole = (ranking.order >= 0).all(axis=1)
    relevant = (owner[None, :] == asked[:, None]).sum(axis=1)
    found = average_precision(right, relevant, 30)
    for row in np.flatnonzero(whole & (relevant > 0)):
        theirs = average_precision_score(right[row], -np.arange(30))  # no ties: the place is the score
        assert found[row] == pytest.approx(theirs)
    assert np.isnan(found[relevant == 0]).all()


def test_average_precision_cut_at_r_worked_by_hand() -> None:
    # R = 3; places 1 and 3 are right: (1/1 + 2/3) / 3. A right answer behind place R does not count.
    right = np.array([[True, False, True, True], [False, False, False, True]])
    three = np.array([3, 3])
    assert average_precision(right, three, three).tolist() == pytest.approx([5 / 9, 0])
    assert average_precision(right, three, 4).tolist() == pytest.approx([(1 + 2 / 3 + 3 / 4) / 3, 1 / 12])
    assert average_precision(right, np.array([9, 9]), 2).tolist() == pytest.approx([0.5, 0]), "at most 2 can be found"


def shuffled_hit(right: np.ndarray, scores: np.ndarray, k: int, rng: np.random.Generator) -> bool:
    order = np.lexsort((rng.random(len(scores)), -scores))
    return bool(right[order[:k]].any())


@pytest.mark.parametrize("k", [1, 3, 8, 12, 50])
def test_ties_at_random_are_the_average_over_shuffles(k: int) -> None:
    ranking, asked, owner = lists(3, queries=12)
    right = right_answers(ranking, asked, owner)
    rng = np.random.default_rng(0)
    expected = within_at_random(right, ranking.scores, k)
    for row in range(12):
        valid = ranking.order[row] >= 0
        hits = [shuffled_hit(right[row][valid], ranking.scores[row][valid], k, rng) for _ in range(2000)]
        assert expected[row] == pytest.approx(np.mean(hits), abs=0.045)


def test_a_constant_score_gives_the_chance_value() -> None:
    rng = np.random.default_rng(0)
    owner = np.array([f"a{i}" for i in rng.integers(0, 5, 40)])
    asked = np.array(["a0", "a1", "a4", "nobody"])
    order = np.array([rng.permutation(40) for _ in asked], np.int32)
    constant = np.zeros(order.shape)
    ranking = Ranking(asked.copy(), np.array([f"g{i}" for i in range(40)]), order, constant)
    right, relevant = right_answers(ranking, asked, owner), (owner[None, :] == asked[:, None]).sum(axis=1)
    for k in (1, 5, 20, 40):
        chance = hit_by_chance(np.full(4, 40), relevant, k)
        assert within_at_random(right, constant, k).tolist() == pytest.approx(chance.tolist())
    assert hit_by_chance(np.array([10]), np.array([3]), 1).tolist() == pytest.approx([0.3])


def test_precision_by_chance_is_the_average_over_random_orders() -> None:
    rng = np.random.default_rng(1)
    sizes, relevant = np.array([20, 20, 7, 20]), np.array([4, 1, 7, 0])
    for depth, length in ((5, 20), (20, 20), (relevant, 20), (relevant, 3)):
        depths = np.broadcast_to(depth, relevant.shape)
        expected = precision_by_chance(sizes, relevant, depth, length)
        for n, r, cut, value in zip(sizes, relevant, depths, expected, strict=True):
            if not r:
                assert np.isnan(value)
                continue
            right = np.array([rng.permutation(np.arange(n) < r) for _ in range(4000)])[:, :length]
            found = average_precision(right, np.full(4000, r), int(cut))
            assert value == pytest.approx(found.mean(), abs=0.02)


def test_new_is_an_answer_that_stands_before_or_behind_the_list() -> None:
    hits = np.array([1, 2, 0, 1, 0, 0])
    known = np.array([True, True, True, True, False, False])
    said_known = np.array([True, False, False, False, True, False])
    assert answered_hits(hits, known, said_known).tolist() == [1, 3, 0, 2, 0, 1]


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_properties_of_every_ranking(seed: int) -> None:
    ranking, asked, owner = lists(seed, queries=8)
    right = right_answers(ranking, asked, owner)
    hits, by_identity = (first_hits(ranking, asked, owner, level) for level in LEVELS)
    random = [within_at_random(right, ranking.scores, k) for k in range(1, 13)]
    for k in range(1, 12):
        assert (within(hits, k) <= within(hits, k + 1)).all(), "R-k grows with k"
        assert (random[k - 1] <= random[k] + 1e-12).all()
        assert (within(hits, k) <= within(by_identity, k)).all()
    assert np.array_equal(random[-1] > 0.5, hits > 0), "ties cannot change who is in the list"

    mixed = np.random.default_rng(seed).permutation(len(owner))
    place = np.append(np.argsort(mixed), -1).astype(np.int32)
    moved = Ranking(ranking.query_ids, ranking.gallery_ids[mixed], place[ranking.order], ranking.scores)
    assert np.array_equal(hits, first_hits(moved, asked, owner[mixed])), (
        "the order of the gallery's rows decides nothing"
    )
    assert np.array_equal(right, right_answers(moved, asked, owner[mixed]))


# --- edges ----------------------------------------------------------------------------------------------------------


def cut(k: int) -> Ranking:
    """The lists of RANKING with k places."""
    return Ranking(RANKING.query_ids, RANKING.gallery_ids, RANKING.order[:, :k], RANKING.scores[:, :k])


@pytest.mark.parametrize("level", LEVELS)
def test_lists_without_a_place_hold_no_answer(level: Level) -> None:
    asked = np.array(["ann", "bo", "ann", "ann"])
    hits = first_hits(cut(0), asked, GALLERY, level)
    assert (hits.tolist(), hits.dtype) == ([0, 0, 0, 0], np.int64)
    assert within_at_random(right_answers(cut(0), asked, GALLERY), cut(0).scores, 1).tolist() == [0, 0, 0, 0]


def test_two_places_can_tie_and_the_first_row_of_the_gallery_is_no_padding() -> None:
    assert tied_first(cut(2)).tolist() == [1, 0, 0, 0]
    back = Ranking(RANKING.query_ids[:1], RANKING.gallery_ids, np.array([[3, 0]], np.int32), np.array([[0.9, 0.9]]))
    assert tied_first(back).tolist() == [1]


def test_no_query_has_an_empty_precision_by_chance() -> None:
    nobody = np.empty(0, np.int64)
    assert precision_by_chance(nobody, nobody, 5, 10).shape == (0,)


def test_chance_in_a_gallery_of_one_or_two_is_certain_where_all_are_right() -> None:
    sizes = np.array([1, 2])
    assert hit_by_chance(sizes, sizes, 1).tolist() == [1, 1]
    assert precision_by_chance(sizes, sizes, 2, 2).tolist() == pytest.approx([1, 1])
    assert hit_by_chance(np.array([2]), np.array([1]), 1).tolist() == pytest.approx([0.5])


def test_where_nothing_is_relevant_nothing_is_divided() -> None:
    with np.errstate(all="raise"):
        assert np.isnan(average_precision(np.zeros((1, 3), bool), np.array([0]), 3)).all()
