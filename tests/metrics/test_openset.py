"""Open-set metrics by hand, against scikit-learn and a brute force over thresholds, and their intervals."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from openset_cases import Case, brute, edges_of, herd
from sklearn.metrics import roc_auc_score, roc_curve

from harness.answers import Decisions
from harness.metrics import intervals
from harness.metrics.intervals import Estimate, resamples
from harness.metrics.openset import BOTH_KINDS, NAMES, baks, baus
from harness.types import NEW

IDENTITY = np.array(["ann", "ann", "ann", "bo", "new1", "new1", "new2"])
KNOWN = np.array([True, True, True, True, False, False, False])


def decided(*answers: str) -> Decisions:
    ids = np.array([f"q{i}" for i in range(len(answers))])
    return Decisions(ids, np.array(answers, dtype=np.str_), np.zeros(len(answers)), np.full(len(answers), 0.5))


@pytest.fixture(scope="module", autouse=True)
def _few_resamples() -> object:
    """The number of resamples changes no rule, and the slow oracle looks at each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "RESAMPLES", 12)
        yield


def test_every_individual_counts_alike() -> None:
    made = decided("ann", "ann", "bo", NEW, NEW, "ann", NEW)
    known, new = baks(made, IDENTITY, KNOWN), baus(made, IDENTITY, KNOWN)
    assert (known.value, known.n) == (pytest.approx((2 / 3 + 0) / 2), 4)
    assert (new.value, new.n) == (pytest.approx((1 / 2 + 1) / 2), 3)


def test_known_but_another_animal_is_wrong() -> None:
    assert baks(decided("bo", "bo", "bo", "ann", NEW, NEW, NEW), IDENTITY, KNOWN).value == 0


@pytest.mark.parametrize(("answer", "value"), [(NEW, 1.0), ("ann", 0.0)])
def test_one_answer_for_all_of_the_new(answer: str, value: float) -> None:
    assert baus(decided(*[answer] * 7), IDENTITY, KNOWN).value == value


def test_a_table_worked_by_hand() -> None:
    #                      known: right, wrong, right | new
    case = Case(
        confidence=np.array([0.9, 0.7, 0.4, 0.7, 0.2]),
        right=np.array([True, False, True, False, False]),
        identity=np.array(["ann", "ann", "bo", "cy", "dee"]),
        known=np.array([True, True, True, False, False]),
        probability=np.array([1.0, 1.0, 0.0, 1.0, 0.0]),
    )
    found = {name: estimate.value for name, estimate in case.estimates().items()}
    assert tuple(found) == NAMES
    assert found["AUROC"] == pytest.approx((1 + 0.5 + 0 + 3) / 6)
    assert found["FPR95"] == 0.5, "all three are kept from 0.4 on, and so is cy"
    assert found["OSCR"] == pytest.approx((1 / 3 + 2 / 3) / 2), "1/3 until cy, then bo, then dee"
    assert found["DIR@FAR1"] == found["DIR@FAR10"] == pytest.approx(1 / 3), "only what is above cy"
    assert (found["BAKS"], found["BAUS"]) == (pytest.approx((1 / 2 + 0) / 2), 0.5)
    assert found["BAKS-BAUS mean"] == pytest.approx(np.sqrt(0.25 * 0.5))
    assert found["BAKS-BAUS area"] == pytest.approx((1 / 4 + 3 / 4) / 2)
    assert found["calibration error"] == pytest.approx((1 + 1) / 5), "one of three at 1 is new, one of two at 0 known"


@pytest.mark.parametrize("seed", range(4))
def test_every_number_is_that_of_a_brute_force_over_thresholds(seed: int) -> None:
    case = herd(seed, 200)
    found = case.estimates()
    expected = brute(case, edges_of(case))
    assert {name: found[name].value for name in NAMES} == pytest.approx(expected)
    assert [found[name].n for name in BOTH_KINDS] == [200] * len(BOTH_KINDS)
    assert (found["BAKS"].n, found["BAUS"].n) == (case.known.sum(), (~case.known).sum())


def test_auroc_and_fpr95_are_those_of_scikit_learn() -> None:
    case = herd(5)
    false_rate, true_rate, _ = roc_curve(case.known, case.confidence, drop_intermediate=False)
    found = case.estimates()
    assert found["AUROC"].value == pytest.approx(roc_auc_score(case.known, case.confidence))
    assert found["FPR95"].value == pytest.approx(false_rate[np.argmax(true_rate > 0.95 - 1e-9)])


def drawn_herds(case: Case) -> list[Case]:
    """The queries of each resample, written out; an individual that is drawn twice is two individuals."""
    names = [np.unique(case.identity[mask]) for mask in (case.known, ~case.known)]
    draws = [np.concatenate(list(resamples(len(part), seed))).astype(int) for seed, part in enumerate(names)]
    made = []
    for counts in zip(*draws, strict=True):
        times = [
            (name, copy)
            for part, row in zip(names, counts, strict=True)
            for name, c in zip(part, row, strict=True)
            for copy in range(c)
        ]
        rows = [np.flatnonzero(case.identity == name) for name, _ in times]
        labels = [np.full(len(r), f"{name}#{copy}") for r, (name, copy) in zip(rows, times, strict=True)]
        made.append(replace(case.take(np.concatenate(rows)), identity=np.concatenate(labels)))
    return made


def test_intervals_are_those_of_herds_of_drawn_individuals() -> None:
    case = herd(1, 90)
    oracle = [brute(drawn, edges_of(case)) for drawn in drawn_herds(case)]
    for name, found in case.estimates().items():
        expected = np.quantile([numbers[name] for numbers in oracle], [0.025, 0.975])
        assert (found.low, found.high) == pytest.approx(tuple(expected)), name
        assert found.low < found.high, name


def test_without_new_or_known_queries_there_is_no_number() -> None:
    case = herd(0, 40)
    for mask, left in ((case.known, "BAKS"), (~case.known, "BAUS")):
        found = case.take(mask).estimates()
        assert tuple(found) == NAMES
        assert {name for name, estimate in found.items() if estimate != Estimate(None, 0)} == {left}
    assert set(case.take(np.zeros(40, bool)).estimates().values()) == {Estimate(None, 0)}


def test_a_kind_with_one_individual_has_values_and_no_interval() -> None:
    case = herd(2, 60)
    one = replace(case, identity=np.where(case.known, case.identity, "new"))
    found = one.estimates()
    assert found["AUROC"] == Estimate(pytest.approx(roc_auc_score(case.known, case.confidence)), 60)
    assert {name for name, estimate in found.items() if estimate.low is not None} == {"BAKS"}


def test_a_perfect_rule_has_perfect_numbers() -> None:
    case = herd(3)
    sure = case.known.astype(np.float64)
    found = replace(case, confidence=sure, probability=sure, right=case.known).estimates()
    lowest = {"FPR95", "calibration error"}
    for name, estimate in found.items():
        best = 0 if name in lowest else 1
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((best, best, best)), name


def test_memory_is_bounded_at_the_size_of_wildlifereid10k() -> None:
    case = herd(0, 30_000)
    tracemalloc.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "RESAMPLES", 1000)
        patch.setattr("harness.metrics.openset.interval", lambda draws: (0.0, 1.0))
        patch.setattr("harness.metrics.openset.resamples", first_two_blocks)
        case.estimates()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000_000


def first_two_blocks(clusters: int, seed: int, block: int) -> list[np.ndarray]:
    source = resamples(clusters, seed, block)
    return [next(source), next(source)]


def test_two_individuals_of_a_kind_are_enough_for_an_interval() -> None:
    case = herd(2, 60)
    two = replace(case, identity=np.where(case.known, case.identity, np.where(case.confidence > 0, "new1", "new2")))
    assert {name for name, estimate in two.estimates().items() if estimate.low is None} == set()
