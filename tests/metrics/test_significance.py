"""Paired tests against exact enumeration, statsmodels' definitions worked by hand, and under the null."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics.significance import against_best, compare, holm, mcnemar, sign_flip


def enumerated(gain: np.ndarray, identity: np.ndarray) -> float:
    """All sign patterns of the identities, one by one."""
    sums = np.array([gain[identity == name].sum() for name in np.unique(identity)])
    observed = abs(sums.sum())
    patterns = [abs(np.dot(signs, sums)) for signs in itertools.product((1, -1), repeat=len(sums))]
    return float(np.mean([value >= observed - 1e-12 for value in patterns]))


@pytest.mark.parametrize("seed", range(6))
def test_the_sign_flip_test_is_exact_for_few_identities(seed: int) -> None:
    rng = np.random.default_rng(seed)
    identity = np.array([f"a{i}" for i in rng.integers(0, 9, 30)])
    gain = rng.integers(-1, 2, 30).astype(float)
    assert sign_flip(gain, identity) == pytest.approx(enumerated(gain, identity))


def test_photographs_of_one_animal_are_one_piece_of_evidence() -> None:
    gain, one = np.ones(40), np.full(40, "ann")
    assert sign_flip(gain, one) == 1.0
    assert mcnemar(40, 0) < 1e-9, "which takes them for independent"
    assert sign_flip(gain, np.array([f"a{i}" for i in range(40)])) < 1e-3


def test_no_difference_is_no_finding() -> None:
    same = np.array([1.0, 0.0, 1.0])
    found = compare(same, same, np.array(["a", "b", "c"]))
    assert (found.p_identity, found.p_mcnemar, found.better, found.worse) == (1.0, 1.0, 0, 0)
    assert found.difference.value == 0


def test_mcnemar_worked_by_hand() -> None:
    # 1 of 6 discordant queries: 2 x (C(6,0) + C(6,1)) / 2^6
    assert mcnemar(1, 5) == mcnemar(5, 1) == pytest.approx(2 * 7 / 64)
    assert mcnemar(3, 3) == 1.0


def test_holm_worked_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.6, 0.9]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
@settings(max_examples=50, deadline=None)
def test_holm_lies_between_the_p_values_and_bonferroni_and_keeps_their_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    for p, q in zip(p_values, corrected, strict=True):
        assert p <= q <= min(1.0, len(p_values) * p) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()


def test_the_false_alarm_rate_is_what_it_says() -> None:
    """Two rows that are equally good, 25 individuals with photographs that go together: 5 % of the tests reject."""
    identity = np.repeat([f"a{i}" for i in range(25)], 4)
    rng = np.random.default_rng(0)
    p_values = []
    for seed in range(300):
        flips = np.repeat(rng.choice([-1.0, 1.0], 25), 4)
        gain = flips * (rng.random(100) < 0.5)
        p_values.append(sign_flip(gain, identity, 999, seed))
    rejected = np.mean(np.array(p_values) < 0.05)
    assert 0.015 < rejected < 0.09


def test_the_first_row_is_better_where_the_difference_is_positive() -> None:
    first, second = np.array([1.0, 1, 1, 0, 1, 1]), np.array([0.0, 0, 0, 1, 1, 0])
    found = compare(first, second, np.array(list("abcdef")))
    assert (found.better, found.worse) == (4, 1)
    assert found.difference.value == pytest.approx(0.5)
    assert compare(second, first, np.array(list("abcdef"))).p_identity == found.p_identity


def test_rows_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        compare(np.ones(3), np.ones(2), np.array(["a", "b", "c"]))


def test_the_least_p_value_survives_the_correction_for_many_rows() -> None:
    gain, identity = np.ones(60), np.array([f"a{i}" for i in range(60)])
    for rows in (1, 1000):
        assert holm([compare(gain, 0 * gain, identity, rows).p_identity] * rows)[0] < 0.02


def equal_rows(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are equally good on 60 individuals of three photographs, some of whom are harder than others."""
    rng = np.random.default_rng(seed)
    identity = np.repeat([f"a{i}" for i in range(60)], 3)
    ease = np.repeat(1 / (1 + np.exp(-rng.normal(size=60))), 3)
    return (rng.random((rows, 180)) < ease).astype(float), identity


def test_the_best_of_many_equal_rows_is_rarely_a_finding() -> None:
    false = [min(against_best(*equal_rows(seed, 20))) < 0.05 for seed in range(120)]
    assert np.mean(false) < 0.12, "5 % is meant; comparing with the best by plain paired tests gives several times that"


def test_a_row_that_is_worse_than_the_best_is_found() -> None:
    outcomes, identity = equal_rows(0, 6)
    outcomes[3] *= np.random.default_rng(1).random(180) < 0.4
    p_values = against_best(outcomes, identity)
    assert p_values[3] < 0.01
    assert p_values[outcomes.mean(axis=1).argmax()] == 1
    assert (np.delete(p_values, 3) > 0.05).all()


def test_two_identities_leave_four_patterns() -> None:
    assert sign_flip(np.array([1.0, 1.0]), np.array(["ann", "bo"])) == 0.5
    assert sign_flip(np.array([1.0, -1.0]), np.array(["ann", "bo"])) == 1


def test_random_patterns_and_resamples_come_from_the_seed() -> None:
    identity = np.array([f"a{i}" for i in range(40)])
    gain = (np.arange(40) % 3 - 0.75).astype(float)
    assert sign_flip(gain, identity) == sign_flip(gain, identity, seed=0) != sign_flip(gain, identity, seed=1)
    outcomes, animals = equal_rows(3, 4)
    assert np.array_equal(against_best(outcomes, animals), against_best(outcomes, animals, seed=0))
    assert not np.array_equal(against_best(outcomes, animals), against_best(outcomes, animals, seed=1))


def test_rows_of_the_same_answers_are_all_as_good_as_the_best() -> None:
    outcomes, identity = equal_rows(0, 1)
    assert against_best(np.repeat(outcomes, 3, axis=0), identity).tolist() == [1, 1, 1]
