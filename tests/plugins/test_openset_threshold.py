"""The threshold rule: fitted on validation alone, at the best balanced accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from harness_plugins.openset.threshold import Threshold, harness_openset_rules
from queries import scores, truth
from sklearn.metrics import balanced_accuracy_score

from harness import OpenSetRule


def fitted(values: list[float], known: list[bool]) -> Threshold:
    return Threshold("cosine").fit(scores(cosine=values), truth(known))


def test_the_threshold_lies_half_way_between_the_two_kinds() -> None:
    rule = fitted([0.9, 0.8, 0.2, 0.1], [True, True, False, False])
    assert rule.pooled == pytest.approx(0.5)
    known, confidence = rule.decide(scores(cosine=[0.51, 0.49]))
    assert known.tolist() == [True, False]
    assert confidence.tolist() == [0.51, 0.49]


def test_no_threshold_has_a_better_balanced_accuracy() -> None:
    rng = np.random.default_rng(0)
    known = rng.random(300) < 0.8
    values = np.round(rng.normal(known * 1.0, 1), 1)
    rule = fitted(values.tolist(), known.tolist())
    ours = balanced_accuracy_score(known, rule.decide(scores(cosine=values.tolist()))[0])
    others = [balanced_accuracy_score(known, values >= t) for t in np.arange(-3.05, 4, 0.1)]
    assert ours == pytest.approx(max(others))


def test_among_equally_good_ones_the_highest_is_taken() -> None:
    # above 0.8 and above 0.4 are both right on half of the known and all of the new, or all and half
    rule = fitted([0.9, 0.7, 0.5, 0.3], [True, False, True, False])
    assert rule.pooled == pytest.approx(0.8)


def test_float_noise_does_not_choose_between_equally_good_ones() -> None:
    # 1/3 - 0/3 above 0.5 and 3/3 - 2/3 above 0.1 are equal, but in float64 the second is the larger
    assert 3 / 3 - 2 / 3 > 1 / 3
    rule = fitted([0.9, 0.5, 0.5, 0.5, 0.5, 0.1], [True, True, True, False, False, False])
    assert rule.pooled == pytest.approx(0.7)


def test_the_order_of_the_queries_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    known, values = rng.random(50) < 0.5, rng.random(50)
    mixed = rng.permutation(50)
    assert fitted(values.tolist(), known.tolist()) == fitted(values[mixed].tolist(), known[mixed].tolist())


@pytest.mark.parametrize("values", [[0.5, 0.5, 0.5], [0.1, 0.2, 0.9]], ids=["all equal", "upside down"])
def test_a_score_that_separates_nothing_says_new(values: list[float]) -> None:
    rule = fitted(values, [True, True, False])
    assert np.isfinite(rule.pooled)
    assert not rule.decide(scores(cosine=values))[0].any()


def test_it_is_offered_with_its_settings() -> None:
    (spec,) = harness_openset_rules()
    assert spec.name == "threshold"
    rule = spec.build(spec.config(score="margin", per="dataset"))
    assert isinstance(rule, OpenSetRule)
    assert rule == Threshold("margin", "dataset")
