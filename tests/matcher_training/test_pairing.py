"""Pairing: of one photograph or of two individuals, the same for a seed, none without keypoints."""

from __future__ import annotations

import numpy as np
import pytest
from warped import by_hand, shuffled

from harness.errors import CellFailed
from harness.matcher_training.pairing import Pairing


def test_pairs_are_two_views_of_one_photograph() -> None:
    views = shuffled(4, 3)
    pairs = Pairing(views, range(4)).drawn(50, 0.0, (1,))
    assert (views.photograph[pairs[:, 0]] == views.photograph[pairs[:, 1]]).all()
    assert (pairs[:, 0] != pairs[:, 1]).all()


def test_negatives_are_of_two_individuals_and_about_their_share() -> None:
    views = shuffled(4, 3)
    pairs = Pairing(views, range(4)).drawn(400, 0.25, (1,))
    apart = views.individual[pairs[:, 0]] != views.individual[pairs[:, 1]]
    assert 0.17 < apart.mean() < 0.33


def test_of_one_individual_there_are_no_negatives() -> None:
    views = by_hand([[(i, i) for i in range(9)]] * 4, [0, 0, 1, 1], individuals=[7, 7, 7, 7])
    pairs = Pairing(views, [0, 1]).drawn(50, 0.9, (1,))
    assert (views.photograph[pairs[:, 0]] == views.photograph[pairs[:, 1]]).all()


def test_a_step_is_drawn_alike_whatever_came_before() -> None:
    pairing = Pairing(shuffled(4, 3), range(4))
    first = pairing.drawn(8, 0.2, (0, 17))
    pairing.drawn(8, 0.2, (0, 3))
    np.testing.assert_array_equal(pairing.drawn(8, 0.2, (0, 17)), first)


def test_poor_photographs_are_passed_over_and_only_poor_ones_an_error() -> None:
    rich, poor = [(i, i) for i in range(9)], [(1, 1)]
    views = by_hand([rich, rich, poor, rich], [0, 0, 1, 1])
    assert len(Pairing(views, [0, 1])) == 1
    assert len(Pairing(views, [0, 1], least=0)) == 2
    with pytest.raises(CellFailed, match="8 keypoints of use"):
        Pairing(views, [1])
