"""What all threshold rules share: the score, the checks, and one threshold or one for each data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from importlib import import_module

import numpy as np
import pytest
from harness_plugins.openset._threshold import FEWEST, ThresholdConfig, between, needs_matches
from harness_plugins.openset.best_product import BestProduct
from harness_plugins.openset.equal_error import EqualError
from harness_plugins.openset.extreme_value import ExtremeValue
from harness_plugins.openset.median_mad import MedianMad
from harness_plugins.openset.quantile import Quantile
from harness_plugins.openset.threshold import Threshold
from pydantic import ValidationError
from queries import scores, truth

from harness import CellFailed

RULES = (Threshold, Quantile, EqualError, MedianMad, BestProduct, ExtremeValue)
FILES = ("threshold", "fixed", "quantile", "equal_error", "median_mad", "best_product", "extreme_value")


def two_sets(
    shift: float, counts: dict[str, int] | None = None, seed: int = 0
) -> tuple[np.ndarray, list[str], list[bool]]:
    """Scores of zebras, and of seals all higher by ``shift``; so many known, and as many new, of each."""
    rng = np.random.default_rng(seed)
    values, names, known = [], [], []
    for name, count in (counts or {"zebras": 40, "seals": 40}).items():
        for kind in (True, False):
            values.append(rng.normal(2.0 * kind + shift * (name == "seals"), 0.7, count))
            names += [name] * count
            known += [kind] * count
    return np.concatenate(values), names, known


def test_auto_takes_the_normalised_count_where_there_is_a_matcher() -> None:
    both = scores(cosine=[0.9, 0.1], normalised_count=[0.2, 0.6])
    assert Threshold("auto").fit(both, truth([True, False])).decide(both)[1].tolist() == [0.2, 0.6]
    one = scores(cosine=[0.9, 0.1])
    assert Threshold("auto").fit(one, truth([True, False])).decide(one)[1].tolist() == [0.9, 0.1]


@pytest.mark.parametrize("score", ["cosine", "margin", "ratio", "count", "normalised-count", "fused"])
def test_each_score_can_be_chosen(score: str) -> None:
    columns = {name: [float(i), 0.0] for i, name in enumerate(("cosine", "margin", "ratio", "count", "fused"), start=1)}
    made = scores(normalised_count=[6.0, 0.0], **columns)
    rule = Threshold(score).fit(made, truth([True, False]))  # type: ignore[arg-type]
    assert rule.decide(made)[1].tolist() == made.columns[score].tolist()
    assert rule.pooled == made.columns[score][0] / 2


@pytest.mark.parametrize(("score", "lacks"), [("count", "matcher"), ("fused", "fusion")])
def test_a_score_that_the_cell_lacks_is_named(score: str, lacks: str) -> None:
    here = scores(cosine=[0.9, 0.1], margin=[0.1, 0.0])
    with pytest.raises(CellFailed, match=rf"needs '{score}', but the cell has cosine, margin") as caught:
        Threshold(score).fit(here, truth([True, False]))  # type: ignore[arg-type]
    assert lacks in caught.value.advice
    assert "threshold[score=auto]" in caught.value.advice


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_answers_before_it_is_fitted(rule: Callable[..., Threshold]) -> None:
    with pytest.raises(CellFailed, match="before it is fitted"):
        rule("cosine").decide(scores(cosine=[0.9]))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("known", [[True] * 20, [False] * 20, []], ids=["no new", "no known", "nobody"])
def test_validation_that_lacks_a_kind_that_the_rule_needs_is_refused_with_advice(
    rule: type[Threshold], known: list[bool]
) -> None:
    made = scores(cosine=np.linspace(0, 1, len(known)))
    there = sum(known), len(known) - sum(known)
    if there[0] >= rule.needs[0] and there[1] >= rule.needs[1]:
        assert np.isfinite(rule("cosine").fit(made, truth(known)).pooled)
        return
    with pytest.raises(CellFailed, match=r"validation has \d+ known and \d+ new") as caught:
        rule("cosine").fit(made, truth(known))
    assert "protocol.validation_individuals" in caught.value.advice


@pytest.mark.parametrize("rule", RULES)
def test_fitting_leaves_the_rule_itself_alone(rule: type[Threshold]) -> None:
    values, names, known = two_sets(0)
    plain = rule("cosine")
    plain.fit(scores(names, cosine=values), truth(known))
    assert np.isnan(plain.pooled)
    with pytest.raises(FrozenInstanceError):
        plain.pooled = 0.5  # type: ignore[misc]


@pytest.mark.parametrize("rule", RULES)
def test_one_threshold_for_each_data_set_is_that_of_its_queries_alone(rule: type[Threshold]) -> None:
    values, names, known = two_sets(3)
    made = scores(names, cosine=values)
    both = rule("cosine", "dataset").fit(made, truth(known))
    for name in ("zebras", "seals"):
        rows = np.array(names) == name
        alone = rule("cosine").fit(scores(cosine=values[rows]), truth(np.array(known)[rows]))
        assert both.own[name] == alone.pooled
    assert both.pooled == rule("cosine").fit(made, truth(known)).pooled
    assert rule("cosine", "all").fit(made, truth(known)).own == {}


@pytest.mark.parametrize("rule", RULES)
def test_one_confidence_divides_known_from_new_in_all_data_sets(rule: type[Threshold]) -> None:
    values, names, known = two_sets(3)
    made = scores(names, cosine=values)
    fitted = rule("cosine", "dataset").fit(made, truth(known))
    said, confidence = fitted.decide(made)
    thresholds = np.array([fitted.own[name] for name in names])
    assert said.tolist() == (values >= thresholds).tolist()
    assert said.any()
    assert not said.all()
    assert confidence[said].min() >= fitted.pooled - 1e-9
    assert confidence[~said].max() < fitted.pooled + 1e-9


def test_thresholds_of_their_own_help_where_data_sets_differ() -> None:
    values, names, known = two_sets(3)
    made, asked = scores(names, cosine=values), np.array(known)
    hits = {
        per: (Threshold("cosine", per).fit(made, truth(known)).decide(made)[0] == asked).mean()
        for per in ("all", "dataset")
    }  # type: ignore[arg-type]
    assert hits["dataset"] > hits["all"] + 0.1


@pytest.mark.parametrize("rule", RULES)
def test_a_data_set_with_too_few_queries_has_the_pooled_threshold_and_so_has_one_that_is_new(
    rule: type[Threshold],
) -> None:
    values, names, known = two_sets(3, {"zebras": FEWEST, "seals": FEWEST - 1})
    fitted = rule("cosine", "dataset").fit(scores(names, cosine=values), truth(known))
    assert set(fitted.own) == {"zebras"}
    asked = scores(["seals", "whales"], cosine=[fitted.pooled, fitted.pooled])
    said, confidence = fitted.decide(asked)
    assert said.tolist() == [True, True]
    assert confidence.tolist() == [fitted.pooled] * 2


def test_a_threshold_lies_half_way_to_the_next_lower_score() -> None:
    values = np.array([0.2, 0.4, 0.8])
    assert between(values, 0.8) == pytest.approx(0.6)
    assert between(values, 0.2) == 0.2, "there is none"
    assert between(values, np.inf) > 0.8


@pytest.mark.parametrize(
    ("score", "needs"),
    [
        ("auto", False),
        ("margin", False),
        ("ratio", False),
        ("fused", False),
        ("count", True),
        ("normalised-count", True),
    ],
)
def test_scores_of_a_matcher_are_declared(score: str, needs: bool) -> None:
    assert needs_matches(ThresholdConfig(score=score)) is needs  # type: ignore[arg-type]


@pytest.mark.parametrize("file", FILES)
def test_each_file_declares_its_rule_and_hands_all_settings_on(file: str) -> None:
    (spec,) = import_module(f"harness_plugins.openset.{file}").harness_openset_rules()
    given = {"score": "ratio"} | ({"at": 0.3} if file == "fixed" else {"per": "dataset"})
    given |= {
        "quantile": {"keep": 0.5},
        "median_mad": {"k": 1.5},
        "extreme_value": {"false_alarms": 0.2, "tail": 0.4},
    }.get(file, {})
    rule = spec.build(spec.config(**given))
    assert spec.name == rule.name == file.replace("_", "-")
    assert {name: getattr(rule, {"at": "pooled"}.get(name, name)) for name in given} == given
    assert spec.needs_matches(spec.config(**given | {"score": "count"}))


def test_an_unknown_score_is_refused() -> None:
    with pytest.raises(ValidationError):
        ThresholdConfig(score="luck")  # type: ignore[arg-type]
