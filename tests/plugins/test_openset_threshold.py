"""The threshold rule: fitted on validation alone, at the best balanced accuracy, and plain about what it lacks."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from harness_plugins.openset.threshold import Threshold, ThresholdConfig, harness_openset_rules
from sklearn.metrics import balanced_accuracy_score

from harness import CellFailed, OpenSetRule, QueryScores


def scores(**columns: list[float]) -> QueryScores:
    n = len(next(iter(columns.values())))
    named = {name.replace("_", "-"): np.array(values, np.float64) for name, values in columns.items()}
    return QueryScores(np.array([f"q{i}" for i in range(n)]), named)


def fitted(values: list[float], known: list[bool]) -> Threshold:
    return Threshold("cosine").fit(scores(cosine=values), np.array(known, dtype=bool))


def test_the_threshold_lies_half_way_between_the_two_kinds() -> None:
    rule = fitted([0.9, 0.8, 0.2, 0.1], [True, True, False, False])
    assert rule.threshold == pytest.approx(0.5)
    known, confidence = rule.decide(scores(cosine=[0.51, 0.49]))
    assert known.tolist() == [True, False]
    assert confidence.tolist() == [0.51, 0.49]


def test_no_threshold_has_a_better_balanced_accuracy() -> None:
    rng = np.random.default_rng(0)
    known = rng.random(300) < 0.8
    values = np.round(rng.normal(known * 1.0, 1), 1)
    rule = fitted(values.tolist(), known.tolist())
    ours = balanced_accuracy_score(known, rule.decide(scores(cosine=values.tolist()))[0])
    others = [balanced_accuracy_score(known, values >= t) for t in np.arange(-4, 5, 0.05)]
    assert ours == pytest.approx(max(others))


def test_among_equally_good_ones_the_highest_is_taken() -> None:
    # above 0.8 and above 0.4 are both right on half of the known and all of the new, or all and half
    rule = fitted([0.9, 0.7, 0.5, 0.3], [True, False, True, False])
    assert rule.threshold == pytest.approx(0.8)


def test_float_noise_does_not_choose_between_equally_good_ones() -> None:
    # 1/3 - 0/3 above 0.5 and 3/3 - 2/3 above 0.1 are equal, but in float64 the second is the larger
    assert 3 / 3 - 2 / 3 > 1 / 3
    rule = fitted([0.9, 0.5, 0.5, 0.5, 0.5, 0.1], [True, True, True, False, False, False])
    assert rule.threshold == pytest.approx(0.7)


def test_the_order_of_the_queries_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    known, values = rng.random(50) < 0.5, rng.random(50)
    mixed = rng.permutation(50)
    assert fitted(values.tolist(), known.tolist()) == fitted(values[mixed].tolist(), known[mixed].tolist())


@pytest.mark.parametrize("values", [[0.5, 0.5, 0.5], [0.1, 0.2, 0.9]], ids=["all equal", "upside down"])
def test_a_score_that_separates_nothing_says_new(values: list[float]) -> None:
    rule = fitted(values, [True, True, False])
    assert np.isfinite(rule.threshold)
    assert not rule.decide(scores(cosine=values))[0].any()


@pytest.mark.parametrize("known", [[True, True], [False, False], []], ids=["no new", "no known", "nobody"])
def test_validation_without_one_kind_is_refused_with_advice(known: list[bool]) -> None:
    with pytest.raises(CellFailed, match=r"validation has \d known and \d new") as caught:
        fitted([0.5] * len(known), known)
    assert "protocol.validation_individuals" in caught.value.advice


def test_auto_takes_the_normalised_count_where_there_is_a_matcher() -> None:
    both = scores(cosine=[0.9, 0.1], normalised_count=[0.2, 0.6])
    assert Threshold("auto").fit(both, np.array([True, False])).decide(both)[1].tolist() == [0.2, 0.6]
    one = scores(cosine=[0.9, 0.1])
    assert Threshold("auto").fit(one, np.array([True, False])).decide(one)[1].tolist() == [0.9, 0.1]


def test_a_score_that_the_cell_lacks_is_named() -> None:
    with pytest.raises(CellFailed, match=r"needs 'count', but the cell has cosine"):
        Threshold("count").fit(scores(cosine=[0.9, 0.1]), np.array([True, False]))


def test_it_does_not_answer_before_it_is_fitted() -> None:
    with pytest.raises(CellFailed, match="before it is fitted"):
        Threshold("cosine").decide(scores(cosine=[0.9]))


def test_fitting_leaves_the_rule_itself_alone() -> None:
    rule = Threshold("cosine")
    rule.fit(scores(cosine=[0.9, 0.1]), np.array([True, False]))
    assert np.isnan(rule.threshold)
    with pytest.raises(FrozenInstanceError):
        rule.threshold = 0.5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("score", "needs"),
    [("auto", False), ("cosine", False), ("margin", False), ("count", True), ("normalised-count", True)],
)
def test_it_declares_which_scores_need_a_matcher(score: str, needs: bool) -> None:
    (spec,) = harness_openset_rules()
    config = ThresholdConfig(score=score)  # type: ignore[arg-type]
    assert spec.needs_matches(config) is needs
    assert isinstance(spec.build(config), OpenSetRule)
