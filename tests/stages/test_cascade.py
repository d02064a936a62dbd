"""The cascade leaves pairs out, keeps its risk, and never lets a fusion see a pair that was not matched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest
from shortlists import ByCount, counted, drawn, fusion, rows

from harness.answers import Shortlist
from harness.registry import Registry
from harness.stages.cascade import DELTA, answers_needed, calibrate, depths, evidence, first, losses_allowed, matched
from harness.stages.fuse import fuse
from harness.types import PairScores

Mask = NDArray[np.bool_]


def lender(shortlist: Shortlist, asked: list[Mask] | None = None) -> Callable[[Mask], PairScores]:
    """A matcher that knows the counts, gives those that are wanted, and notes what was."""
    local = shortlist.local
    assert local is not None

    def pairs(wanted: Mask) -> PairScores:
        assert wanted.dtype == np.bool_
        if asked is not None:
            asked.append(wanted)
        floats = (getattr(local, name) * wanted for name in ("count", "confidence", "inliers"))
        return PairScores(*floats, local.keypoints, local.candidate_keypoints * wanted)

    return pairs


def population(seed: int, queries: int, candidates: int = 20) -> tuple[Shortlist, Mask]:
    """Queries whose right candidate stands anywhere and has more matches than chance, more or less clearly."""
    rng = np.random.default_rng(seed)
    truth = np.arange(candidates) == rng.integers(candidates, size=queries)[:, None]
    strength = rng.gamma(2, 6, size=queries)[:, None]
    return counted(rng.poisson(5, (queries, candidates)) + truth * rng.poisson(strength, (queries, candidates))), truth


def judged(count: Any, depth: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The best of the first candidates by count (ties: the first), and how far it stands out: written anew."""
    part = np.asarray(count, np.float64)[:, :depth]
    best = part.argmax(axis=1)
    stands = [np.sqrt(row[i]) - np.sqrt(np.delete(row, i)).mean() for row, i in zip(part, best, strict=True)]
    return best, np.array(stands).round(9)


def stops(count: Any, threshold: float) -> NDArray[np.int64]:
    """At which depth each query stops, one query and one depth after the other."""
    candidates = np.shape(count)[1]
    reached = np.full(len(count), candidates)
    for depth in reversed(depths(candidates)):
        reached[judged(count, depth)[1] > threshold] = depth
    return reached


@pytest.mark.parametrize("risk", [0.01, 0.02, 0.05, 0.3])
@pytest.mark.parametrize("queries", [1, 58, 59, 149, 400])
def test_losses_are_allowed_up_to_the_exact_binomial_bound(queries: int, risk: float) -> None:
    def bound(losses: int) -> float:
        test = binomtest(losses, queries, alternative="less")
        return float(test.proportion_ci(1 - DELTA, method="exact").high)

    allowed = losses_allowed(queries, risk)
    assert allowed == -1 or bound(allowed) <= risk
    assert allowed == queries - 1 or bound(allowed + 1) > risk


def test_depths_rise_and_end_before_the_shortlist_does() -> None:
    assert depths(100) == [5, 10, 15, 20, 30, 40, 50, 65, 80]
    assert depths(10) == [2, 3, 4, 5, 7, 8]
    assert [depths(candidates) for candidates in (0, 1, 2, 3)] == [[], [], [], [2]]


def test_evidence_is_how_far_the_best_stands_above_the_others() -> None:
    shortlist = counted([[1, 25, 9, 4], [0, 0, 0, 0]])
    assert evidence(shortlist, np.array([1, 0])).tolist() == [5 - (1 + 3 + 2) / 3, 0]
    padded = first(drawn(0)[0], np.arange(6), 8)
    assert np.isfinite(evidence(padded, np.zeros(6, np.int64))).all()


def test_a_query_stops_where_one_candidate_stands_out_and_no_further_pair_is_matched() -> None:
    count = np.ones((3, 20))
    count[0, 1] = count[1, 7] = 100  # of 20 candidates: seen at depth 2, and at depth 8
    asked: list[Mask] = []
    shortlist = counted(count)
    chosen = matched(ByCount(), shortlist.ranking, None, lender(shortlist, asked), 5.0)
    assert chosen.sum(axis=1).tolist() == [2, 8, 20]
    assert (np.diff(chosen.astype(int), axis=1) <= 0).all(), "the first ones in global order"
    assert not (np.any(asked, axis=0) & ~chosen).any()
    assert [wanted.any(axis=1).tolist() for wanted in asked[:2]] == [[True] * 3, [False, True, True]]


def test_with_an_infinite_threshold_all_is_matched_and_nothing_asked_for_on_the_way() -> None:
    shortlist, _ = drawn(3)
    asked: list[Mask] = []
    chosen = matched(ByCount(), shortlist.ranking, None, lender(shortlist, asked), np.inf)
    assert np.array_equal(chosen, shortlist.ranking.order >= 0)
    assert not asked


@pytest.mark.parametrize("seed", range(3))
def test_stops_are_those_of_one_query_after_the_other(seed: int) -> None:
    shortlist, _ = population(seed, 40)
    chosen = matched(ByCount(), shortlist.ranking, None, lender(shortlist), 1.5)
    assert shortlist.local is not None
    expected = stops(shortlist.local.count, 1.5)
    assert chosen.sum(axis=1).tolist() == expected.tolist()
    assert len(set(expected)) > 3, "all kinds of depths"


def losses(count: Any, truth: Mask, threshold: float) -> int:
    """Queries that full matching answers rightly and that stop where they are wrong, or will be further on."""
    full, lost = judged(count, truth.shape[1])[0], 0
    for query, stop in enumerate(stops(count, threshold)):
        later = [d for d in depths(truth.shape[1]) if d >= stop]
        wrong = any(not truth[query, judged(count[query : query + 1], d)[0][0]] for d in later)
        lost += bool(truth[query, full[query]]) and wrong
    return lost


@pytest.mark.parametrize(("seed", "risk"), [(0, 0.1), (1, 0.2), (2, 0.4)])
def test_the_threshold_is_the_lowest_that_loses_no_more_than_allowed(seed: int, risk: float) -> None:
    shortlist, truth = population(seed, 60)
    assert shortlist.local is not None
    count, rule = shortlist.local.count, calibrate(ByCount(), shortlist, truth, risk)
    assert rule.answers == truth[np.arange(60), judged(count, 20)[0]].sum() < 60
    assert losses(count, truth, rule.threshold) <= rule.allowed == losses_allowed(rule.answers, risk)
    values = np.concatenate([judged(count, depth)[1] for depth in depths(20)])
    lower = values[values < rule.threshold].max()
    assert losses(count, truth, np.nextafter(lower, -np.inf)) > rule.allowed


def test_the_risk_is_held_in_all_but_a_few_draws_of_the_validation_queries() -> None:
    risk, repeats, pool = 0.1, 100, 2000
    shortlist, truth = population(9, pool, 10)
    assert shortlist.local is not None
    count, steps = shortlist.local.count, depths(10)
    right = truth[np.arange(pool), judged(count, 10)[0]]
    best, stands = zip(*(judged(count, depth) for depth in steps), strict=True)
    lost = np.stack([right & ~truth[np.arange(pool), one] for one in best], axis=1)
    stands_out, rng, missed, stopped = np.stack(stands, axis=1), np.random.default_rng(0), 0, []
    for _ in range(repeats):
        some = rng.choice(pool, 80, replace=False)
        rule = calibrate(ByCount(), first(shortlist, some, 10), truth[some], risk)
        stop = stands_out > rule.threshold
        missed += (stop.any(axis=1) & lost[np.arange(pool), stop.argmax(axis=1)]).sum() > risk * right.sum()
        stopped.append(stop.any(axis=1).mean())
    assert missed <= repeats * DELTA + 3 * np.sqrt(repeats * DELTA * (1 - DELTA))
    assert np.mean(stopped) > 0.3, "it does not hold its risk by never stopping"


def test_too_few_validation_queries_stop_nothing() -> None:
    for queries, allowed in ((0, -1), (58, -1), (59, 0)):
        shortlist = counted(np.tile([9, 1, 1], (queries, 1)))
        rule = calibrate(ByCount(), shortlist, shortlist.ranking.order == 0, 0.05)
        assert (rule.answers, rule.allowed) == (queries, allowed)
        assert (rule.threshold == np.inf) == (allowed < 0)


def test_queries_that_are_never_right_change_nothing() -> None:
    (shortlist, truth), some = population(0, 150), np.arange(150) % 3 > 0
    wrong = first(shortlist, np.arange(150), 20)
    alone = calibrate(ByCount(), first(shortlist, np.flatnonzero(some), 20), truth[some], 0.1)
    assert calibrate(ByCount(), wrong, truth & some[:, None], 0.1) == alone


def test_a_shortlist_without_candidates_is_calibrated_and_matched_too() -> None:
    shortlist, truth = counted(np.ones((80, 0))), np.zeros((80, 0), np.bool_)
    rule = calibrate(ByCount(), shortlist, truth, 0.05)
    assert matched(ByCount(), shortlist.ranking, None, lender(shortlist), rule.threshold).shape == (80, 0)


@pytest.mark.parametrize("ref", [entry.spec.name for entry in Registry.load().entries("fusion")])
@given(seed=st.integers(0, 2**16))
@settings(max_examples=4, deadline=None, derandomize=True)
def test_every_fusion_runs_under_a_cascade(ref: str, seed: int) -> None:
    fitted = fusion(f"{ref}[k1=5,k2=3]" if ref == "k-reciprocal" else ref).fit(*drawn(seed=0, q=24, padded=False))
    shortlist, _ = drawn(seed)
    pairs = lender(shortlist)
    chosen = matched(fitted, shortlist.ranking, shortlist.neighbours, pairs, 0.8)
    known = pairs(chosen)
    partial = Shortlist(shortlist.ranking, marked(known, chosen), shortlist.neighbours)
    fused = fuse(fitted, partial)
    assert np.array_equal(np.sort(fused.order), np.sort(shortlist.ranking.order)), "R-B, at the end, stays"
    for row, depth in enumerate(chosen.sum(axis=1)):
        one = rows(shortlist, [row])
        head = fuse(fitted, first(one, np.array([0]), depth))
        behind = shortlist.ranking.order[row, depth:]
        assert fused.order[row].tolist() == [*head.order[0].tolist(), *behind.tolist()]


def marked(local: PairScores, chosen: Mask) -> PairScores:
    return PairScores(local.count, local.confidence, local.inliers, local.keypoints, local.candidate_keypoints, chosen)


@pytest.mark.parametrize("risk", [0.001, 0.02, 0.05, 0.1, 0.5, 0.99])
def test_the_answers_needed_are_the_fewest_that_allow_anything(risk: float) -> None:
    needed = answers_needed(risk)
    assert losses_allowed(needed, risk) == 0
    assert losses_allowed(needed - 1, risk) == -1
