"""Samples: the same each time, of the shapes that they tell, and odd where they say so."""

from __future__ import annotations

import numpy as np

from harness.testing import samples


def test_samples_are_the_same_each_time_and_differ_by_seed() -> None:
    for draw in (
        lambda seed: samples.picture(20, 30, seed),
        lambda seed: samples.picture(20, 30, seed, view=1),
        lambda seed: samples.features(9, 8, seed),
        lambda seed: samples.shortlist(seed, near=3),
        lambda seed: samples.query_scores(seed),
    ):
        assert samples.stamp(draw(1)) == samples.stamp(draw(1))
        assert samples.stamp(draw(1)) != samples.stamp(draw(2))


def test_a_picture_is_ones_own() -> None:
    samples.picture(20, 30)[:] = 0
    assert samples.picture(20, 30).any()


def test_another_view_is_nearer_to_a_picture_than_another_picture() -> None:
    own, view, other = (samples.picture(40, 40, *which).astype(float) for which in ((1, 0), (1, 1), (2, 0)))
    assert 0 < np.abs(own - view).mean() < np.abs(own - other).mean() / 3


def test_keypoints_lie_inside_and_one_in_a_cell() -> None:
    for size in (samples.WIDE, samples.TALL):
        drawn = samples.features(128, 8, 0, size)
        side = max(size) / samples.ALONG
        assert ((drawn.keypoints >= 0) & (drawn.keypoints <= np.subtract(size, 1))).all()
        assert len(np.unique((drawn.keypoints + 0.5) // side, axis=0)) == 128
        assert (np.diff(drawn.scores) <= 0).all()
        assert np.allclose(np.linalg.norm(drawn.descriptors, axis=1), 1, atol=1e-5)
    assert len(samples.features(0, 8, 0)) == 0


def test_another_photograph_has_the_same_places_and_mostly_like_descriptors() -> None:
    seen = samples.features(64, 128, 0)
    again = samples.again(seen, 1)
    assert np.array_equal(seen.keypoints, again.keypoints)
    like = (seen.descriptors * again.descriptors).sum(axis=1)
    assert 0.3 < (like > 0.9).mean() < 0.7
    assert 0.2 < (like < 0.7).mean() < 0.5


def test_keypoints_of_strangers_and_of_views_are_alike_in_every_degree_and_often_not_mutually() -> None:
    seen, stranger = samples.features(64, 128, 1), samples.features(100, 128, 2)
    for other in (samples.again(seen, 1), stranger):
        cosine = seen.descriptors @ other.descriptors.T
        best, mutual = cosine.max(axis=1), cosine.argmax(axis=0)[cosine.argmax(axis=1)] == np.arange(64)
        for low in (0.6, 0.7, 0.8, 0.9):
            there = (best >= low) & (best < low + 0.1)
            assert (there & mutual).any(), f"no mutual match at {low}"
            assert (there & ~mutual).any(), f"no match at {low} that is not mutual"


def test_the_animal_stands_out() -> None:
    seen = samples.animal()
    assert seen.shape == (72, 96, 3)
    assert seen[36, 48].min() > seen[0, 0].max() + 100


def test_a_padded_shortlist_has_a_query_without_a_candidate() -> None:
    shortlist, right = samples.shortlist(1, near=20)
    valid = shortlist.ranking.order >= 0
    assert not valid[0].any()
    assert valid.any()
    assert not right[~valid].any()
    assert shortlist.neighbours is not None
    assert shortlist.neighbours.order.shape == (12, 11)
    assert samples.shortlist(1)[0].neighbours is None


def test_queries_and_padding_of_a_shortlist_are_what_they_were() -> None:
    shortlist, _ = samples.shortlist(1)
    wider = samples.widened(shortlist, 2)
    assert wider.ranking.order.shape == (7, 10)
    assert np.array_equal(wider.ranking.order[:, :8], shortlist.ranking.order)
    some = samples.queries_of(shortlist, [3, 1])
    assert some.ranking.query_ids.tolist() == ["q3", "q1"]
    assert some.local is not None
    assert shortlist.local is not None
    assert np.array_equal(some.local.count, shortlist.local.count[[3, 1]])


def test_known_queries_score_higher_and_overlap() -> None:
    scores, truth = samples.query_scores(0, columns=("cosine", "count"))
    for column in scores.columns.values():
        known, new = column[truth.known], column[~truth.known]
        assert known.mean() > new.mean()
        assert known.min() < new.max()


def test_a_stamp_sees_a_change_however_deep() -> None:
    shortlist, _ = samples.shortlist(1, padded=False)
    before = samples.stamp([{"a": (shortlist,)}])
    shortlist.ranking.scores[3, 0] += 1e-9
    assert samples.stamp([{"a": (shortlist,)}]) != before
