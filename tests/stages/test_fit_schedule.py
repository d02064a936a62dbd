"""What a fitting draws and when: the rate of each step, the seed of each epoch, and steps one behind the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from harness.stages.fit import _late, _share, derived


@pytest.mark.parametrize(
    ("step", "warmup", "total", "share"),
    [
        (0, 4, 12, 0.2),
        (3, 4, 12, 0.8),
        (4, 4, 12, 1),
        (6, 4, 12, 0.5 + math.sqrt(0.125)),
        (8, 4, 12, 0.5),
        (12, 4, 12, 0),
        (20, 4, 12, 0),
        (0, 0, 4, 1),
        (3, 2.5, 4, (1 + math.cos(math.pi / 3)) / 2),
        (5, 5, 5, 1),
        (6, 5, 5, 0),
    ],
)
def test_the_share_of_the_rate_worked_by_hand(step: int, warmup: float, total: int, share: float) -> None:
    assert _share(step, warmup, total) == pytest.approx(share, abs=1e-12)


def test_seeds_are_unrelated_and_those_of_numpy() -> None:
    seeds = [derived(*parts) for parts in ((3, 0), (3, 1), (4, 0), (3, 1, 1), (3, 1, 2))]
    assert len(set(seeds)) == 5
    assert derived(3, 1, 0) == derived(3, 1)
    for parts, seed in (((3, 1), derived(3, 1)), ((3, 1, 2), derived(3, 1, 2))):
        assert seed == np.random.SeedSequence(parts).generate_state(1)[0]


def test_a_step_is_handed_on_when_the_next_one_is_under_way_and_none_is_kept() -> None:
    made: list[int] = []

    def steps() -> Iterator[Any]:
        for step in range(4):
            made.append(step)
            yield step

    assert [(step, len(made)) for step in _late(steps())] == [(0, 2), (1, 3), (2, 4), (3, 4)]
    assert list(_late(iter(()))) == []
