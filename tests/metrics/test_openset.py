"""BAKS, BAUS and AUROC by hand, against scikit-learn, and at the edges."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from harness.metrics import intervals
from harness.metrics.intervals import Estimate, resamples
from harness.metrics.openset import _wins, auroc, baks, baus
from harness.types import NEW, Decisions

IDENTITY = np.array(["ann", "ann", "ann", "bo", "new1", "new1", "new2"])
KNOWN = np.array([True, True, True, True, False, False, False])


def decided(*answers: str) -> Decisions:
    ids = np.array([f"q{i}" for i in range(len(answers))])
    return Decisions(ids, np.array(answers), np.zeros(len(answers)))


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


def test_without_new_or_known_queries_there_is_no_number() -> None:
    made, everyone = decided("ann", "ann"), np.array(["ann", "bo"])
    assert baus(made, everyone, np.array([True, True])) == Estimate(None, 0)
    assert baks(made, everyone, np.array([False, False])) == Estimate(None, 0)
    for known in ([True, True], [False, False]):
        assert auroc(np.array([0.1, 0.2]), everyone, np.array(known)) == Estimate(None, 0)
    none = np.empty(0)
    assert auroc(none, none.astype(str), none.astype(bool)) == Estimate(None, 0)


def herd(seed: int = 0, count: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence with many ties, 30 known and 12 new individuals."""
    rng = np.random.default_rng(seed)
    known = rng.random(count) < 0.7
    identity = np.where(known, rng.integers(0, 30, count), 100 + rng.integers(0, 12, count)).astype(str)
    return np.round(rng.normal(0.6 * known, 1), 1), identity, known


def test_the_area_is_that_of_scikit_learn_and_of_the_wins() -> None:
    confidence, identity, known = herd()
    made = auroc(confidence, identity, known)
    assert made.value == pytest.approx(roc_auc_score(known, confidence))
    assert made.value == pytest.approx(_wins(confidence, identity, known).sum() / (known.sum() * (~known).sum()))
    assert made.n == 400
    assert 0.5 < made.low < made.value < made.high < 0.8


def test_the_interval_is_that_of_weighted_areas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "RESAMPLES", 150)  # scikit-learn takes its time over each
    confidence, identity, known = herd(1, 120)
    codes = [np.unique(identity[mask], return_inverse=True)[1] for mask in (known, ~known)]
    draws = [np.concatenate(list(resamples(code.max() + 1, seed))) for seed, code in enumerate(codes)]
    weight = np.empty(len(known))
    areas = []
    for a, b in zip(*draws, strict=True):
        weight[known], weight[~known] = a[codes[0]], b[codes[1]]
        areas.append(roc_auc_score(known, confidence, sample_weight=weight))
    made = auroc(confidence, identity, known)
    assert (made.low, made.high) == pytest.approx(tuple(np.quantile(areas, [0.025, 0.975])))


def test_constant_confidence_tells_nothing() -> None:
    _, identity, known = herd()
    made = auroc(np.zeros(400), identity, known)
    assert (made.value, made.low, made.high) == (0.5, 0.5, 0.5)


def test_a_kind_with_one_individual_has_a_value_and_no_interval() -> None:
    made = auroc(np.array([3.0, 2.0, 1.0]), np.array(["ann", "bo", "new"]), np.array([True, True, False]))
    assert made == Estimate(1.0, 3)
