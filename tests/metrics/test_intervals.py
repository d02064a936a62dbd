"""The bootstrap over identities: against scipy, at the edges, and at the size of the largest data set."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from harness.metrics.intervals import (
    RESAMPLES,
    Draws,
    Estimate,
    draw_means,
    interval,
    mean,
    mean_of_means,
    means,
    resamples,
    rows_a_block,
)


def herd(individuals: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes that are alike within an individual, with 1 to 12 photographs each."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 13, individuals)
    clusters = np.repeat([f"a{i}" for i in range(individuals)], sizes)
    ease = np.repeat(rng.random(individuals), sizes)
    return (rng.random(len(clusters)) < ease).astype(np.float64), clusters


@pytest.mark.parametrize("weighted", [True, False])
def test_it_agrees_with_scipy_on_sums_and_counts_of_each_identity(weighted: bool) -> None:
    outcomes, clusters = herd(80)
    _, code = np.unique(clusters, return_inverse=True)
    sums, counts = np.bincount(code, outcomes), np.bincount(code).astype(float)
    if not weighted:
        sums, counts = sums / counts, np.ones(80)
    theirs = bootstrap(
        (sums, counts),
        lambda s, c, axis: s.sum(axis=axis) / c.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=8000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    ours = mean(outcomes, clusters, weighted)
    assert ours.value == pytest.approx(sums.sum() / counts.sum())
    assert ours.low == pytest.approx(theirs.low, abs=0.012)
    assert ours.high == pytest.approx(theirs.high, abs=0.012)
    assert ours.n == len(outcomes)


def test_the_two_means_worked_by_hand() -> None:
    outcomes, clusters = np.array([1.0, 1.0, 1.0, 0.0]), np.array(["ann", "ann", "ann", "bo"])
    assert mean(outcomes, clusters).value == 0.75
    assert mean(outcomes, clusters, weighted=False).value == 0.5


def test_photographs_of_one_animal_do_not_narrow_the_interval() -> None:
    outcomes, clusters = np.tile([1.0, 0.0], 20), np.array([f"a{i}" for i in range(40)])
    alone, repeated = mean(outcomes, clusters), mean(np.repeat(outcomes, 25), np.repeat(clusters, 25))
    assert (repeated.low, repeated.high) == (alone.low, alone.high)
    assert repeated.n == 1000
    as_if_independent = mean(np.repeat(outcomes, 25), np.array([f"p{i}" for i in range(1000)]))
    assert as_if_independent.high - as_if_independent.low < (alone.high - alone.low) / 3


def test_it_is_the_same_for_the_same_seed_and_for_any_order_of_the_queries() -> None:
    outcomes, clusters = herd(30)
    mixed = np.random.default_rng(1).permutation(len(outcomes))
    assert mean(outcomes, clusters) == mean(outcomes, clusters) == mean(outcomes[mixed], clusters[mixed])
    assert mean(outcomes, clusters, seed=1) != mean(outcomes, clusters)


def test_nothing_to_estimate_is_none_and_not_a_crash() -> None:
    nothing = mean(np.empty(0), np.empty(0, np.str_))
    assert nothing == Estimate(None, 0)
    assert nothing.as_dict() == {"value": None, "n": 0, "low": None, "high": None}


def test_one_identity_has_a_value_and_no_interval() -> None:
    assert mean(np.array([1.0, 0.0]), np.array(["ann", "ann"])) == Estimate(0.5, 2)


def test_all_right_has_no_width() -> None:
    assert mean(np.ones(9), np.array(list("aabbccdde"))) == Estimate(1.0, 9, 1.0, 1.0)


def test_resamples_draw_with_replacement_as_many_as_there_are() -> None:
    blocks = list(resamples(7, 0, block=300))
    drawn = np.concatenate(blocks)
    assert drawn.shape == (RESAMPLES, 7)
    assert [len(block) for block in blocks] == [300] * 3 + [100]
    assert (drawn.sum(axis=1) == 7).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(7), abs=0.1)
    assert (drawn == 0).any(), "with replacement"


def test_memory_is_bounded_at_the_size_of_wildlifereid10k() -> None:
    assert rows_a_block(10_772) * 10_772 <= 4_000_000
    assert rows_a_block(10**9) == 1
    assert next(resamples(10_772, 0)).nbytes <= 32_000_000


def test_the_average_of_means_has_the_interval_of_averaged_draws() -> None:
    few, many = np.arange(0.0, 8.0), np.linspace(2.0, 1.0, 8)
    found = mean_of_means([Draws(0.25, 10, few), Draws(0.75, 30, many)])
    assert (found.value, found.n) == (0.5, 40), "plain, whatever their sizes"
    assert (found.low, found.high) == interval((few + many) / 2)


def test_the_average_of_means_has_no_interval_where_a_part_has_none() -> None:
    parts = [Draws(0.25, 10, np.arange(8.0)), Draws(0.75, 30, None)]
    assert mean_of_means(parts) == Estimate(0.5, 40)
    assert mean_of_means([]) == Estimate(None, 0)


def test_each_outcome_is_estimated_on_the_queries_that_it_counts() -> None:
    outcomes, clusters = herd(20)
    some = np.where(np.arange(len(outcomes)) % 3 > 0, outcomes, np.nan)
    found = means({"all": outcomes, "some": some, "none": np.full(len(outcomes), np.nan)}, clusters)
    counted = ~np.isnan(some)
    assert found == {
        "all": mean(outcomes, clusters),
        "some": mean(some[counted], clusters[counted]),
        "none": Estimate(None, 0),
    }
    assert list(found) == ["all", "some", "none"]


def test_without_a_word_every_query_counts_alike_and_the_seed_is_0() -> None:
    outcomes, clusters = herd(20)
    plain, given = (draw_means({"": outcomes}, clusters, *words)[""] for words in ((), ("query", 0)))
    assert plain is not None
    assert given is not None
    assert np.array_equal(plain.resampled, given.resampled)
    assert means({"": outcomes}, clusters) == means({"": outcomes}, clusters, "query", 0)
    assert means({"": outcomes}, clusters) != means({"": outcomes}, clusters, seed=1)


def test_two_identities_are_enough_for_an_interval() -> None:
    assert mean(np.array([1.0, 0.0]), np.array(["ann", "bo"])) == Estimate(0.5, 2, 0.0, 1.0)
