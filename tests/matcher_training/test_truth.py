"""True matches: who is whose partner, who has none, and of whom nothing is said."""

from __future__ import annotations

import numpy as np
import pytest
from warped import by_hand

from harness.matcher_training.truth import ALONE, UNCLEAR, distances, partners


def test_nearest_pairs_are_partners_and_far_ones_alone() -> None:
    views = by_hand([[(10, 10), (50, 50), (90, 10)], [(51, 50), (10, 12)]], [0, 0])
    left, right = partners(views, 0, 1, pixels=3, apart=5)
    assert left.tolist() == [1, 0, ALONE]
    assert right.tolist() == [1, 0, UNCLEAR]  # the third place of the second view is only room


def test_between_the_two_distances_nothing_is_said() -> None:
    views = by_hand([[(10, 10)], [(14, 10)]], [0, 0])
    assert partners(views, 0, 1, pixels=3, apart=5)[0].tolist() == [UNCLEAR]
    assert partners(views, 0, 1, pixels=3, apart=3)[0].tolist() == [ALONE]
    assert partners(views, 0, 1, pixels=5, apart=5)[0].tolist() == [0]


def test_a_second_keypoint_at_one_place_is_neither_partner_nor_alone() -> None:
    views = by_hand([[(10, 10), (11, 10)], [(10, 10)]], [0, 0])
    left, right = partners(views, 0, 1, pixels=3, apart=5)
    assert left.tolist() == [0, UNCLEAR]
    assert right.tolist()[0] == 0


def test_of_two_keypoints_at_one_place_the_more_similar_descriptors_are_partners() -> None:
    views = by_hand([[(10, 10), (10, 10)], [(10, 10)]], [0, 0])
    views.features.descriptors[0] = [[0, 1, 0, 0], [1, 0, 0, 0]]
    views.features.descriptors[1, 0] = [1, 0, 0, 0]
    assert partners(views, 0, 1, pixels=3, apart=5)[0].tolist() == [UNCLEAR, 0]


def test_what_lies_on_the_background_has_no_partner() -> None:
    views = by_hand([[(10, 10), (50, 50)], [(10, 10), (50, 50)]], [0, 0], useless=[(1, 0)])
    left, right = partners(views, 0, 1, pixels=3, apart=5)
    assert (left.tolist(), right.tolist()) == ([ALONE, 1], [ALONE, 1])


def test_two_photographs_have_nothing_in_common() -> None:
    views = by_hand([[(10, 10)], [(10, 10)]], [0, 1])
    assert np.isinf(distances(views, 0, 1)).all()
    assert partners(views, 0, 1, pixels=3, apart=5)[0].tolist() == [ALONE]


@pytest.mark.parametrize("first", [0, 1])
def test_a_view_without_keypoints_is_no_trouble(first: int) -> None:
    views = by_hand([[], [(10, 10)]], [0, 0])
    left, right = partners(views, first, 1 - first, pixels=3, apart=5)
    assert sorted([left.tolist()[0], right.tolist()[0]]) == [UNCLEAR, ALONE]
