"""The slope of a change against a level: against polyfit, and nowhere that chance would make it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.metrics.trend import _slopes, slope

ANIMALS, PHOTOS = 60, 2
IDENTITY = np.repeat([f"a{i}" for i in range(ANIMALS)], PHOTOS)
LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)


def answers(shares: tuple[float, ...], seed: int = 0) -> NDArray[np.float64]:
    """Right answers [rows, q]: of each animal all or none, with these chances."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.random((len(shares), ANIMALS)) < np.array(shares)[:, None], PHOTOS, axis=1).astype(float)


def line(level: NDArray[np.float64], change: NDArray[np.float64]) -> float:
    return float(np.polyfit(level.mean(axis=1), change.mean(axis=1), 1)[0])


def test_the_slope_is_that_of_polyfit_and_its_interval_that_of_a_plain_bootstrap() -> None:
    level = answers(LEVELS)
    change = answers((0.5, 0.5, 0.6, 0.6, 0.7), seed=1) - level
    found = slope(level, change, IDENTITY)
    assert found is not None
    assert found.n == 5
    assert found.value == pytest.approx(line(level, change))
    rng, drawn = np.random.default_rng(5), []
    for _ in range(500):
        animals = rng.integers(ANIMALS, size=ANIMALS)
        rows = (PHOTOS * animals[:, None] + np.arange(PHOTOS)).ravel()
        drawn.append(line(level[:, rows], change[:, rows]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, (0.025, 0.975))), abs=0.06)


def test_the_same_gain_everywhere_has_no_slope_in_its_interval() -> None:
    level = answers(LEVELS)
    found = slope(level, np.full_like(level, 0.1), IDENTITY)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0, 0, 0), abs=1e-12)


def test_chance_alone_gives_no_slope() -> None:
    """Levels that differ by chance alone fall together with what is measured against them, with slope -1."""
    level, after = answers((0.5,) * 8), answers((0.5,) * 8, seed=1)
    assert line(level, after - level) < -0.5
    assert slope(level, after - level, IDENTITY) is None


def test_few_rows_one_animal_or_one_level_give_no_slope() -> None:
    level = answers(LEVELS)
    assert slope(level[:4], -level[:4], IDENTITY) is not None
    assert slope(level[:3], -level[:3], IDENTITY) is None
    assert slope(level, -level, np.full(len(IDENTITY), "a")) is None
    same = np.repeat(level[:1], 5, axis=0)
    assert slope(same, -same, IDENTITY) is None
    assert slope(np.ones((5, 0)), np.ones((5, 0)), np.array([], np.str_)) is None


def test_two_animals_are_enough_where_they_answer_alike() -> None:
    level = np.repeat([[0.1], [0.3], [0.5], [0.9]], 4, axis=1)
    found = slope(level, 0.5 * level, np.array(["a", "a", "b", "b"]))
    assert found is not None
    assert (found.value, found.n) == (pytest.approx(0.5), 4)


def test_what_a_draw_does_to_all_rows_alike_is_no_chance_between_them() -> None:
    ease = np.repeat(np.random.default_rng(0).normal(size=ANIMALS), PHOTOS)  # ten times what tells the rows apart
    level = 0.1 * np.array(LEVELS)[:, None] + ease
    found = slope(level, -level, IDENTITY)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((-1, -1, -1))


def test_each_line_has_its_own_middle() -> None:
    x = np.array([[0.0, 1.0, 2.0], [10.0, 12.0, 17.0]])
    y = np.array([[5.0, 6.0, 9.0], [-3.0, -1.0, -2.0]])
    assert _slopes(x, y) == pytest.approx([np.polyfit(a, b, 1)[0] for a, b in zip(x, y, strict=True)])
