"""The extreme-value rule: alarms as rare as asked, from known laws, and plain where a tail cannot be modelled."""

from __future__ import annotations

import numpy as np
import pytest
from harness_plugins.openset.extreme_value import ExtremeValue, ExtremeValueConfig
from pydantic import ValidationError
from queries import scores, truth
from scipy import stats
from scipy.optimize import minimize

from harness import CellFailed


def threshold(new: np.ndarray, false_alarms: float = 0.05, tail: float = 0.25) -> float:
    rule = ExtremeValue("cosine", false_alarms=false_alarms, tail=tail)
    return rule.fit(scores(cosine=new), truth(np.zeros(len(new), bool))).pooled


@pytest.mark.parametrize(
    "law", [stats.norm(), stats.uniform(), stats.expon(), stats.beta(2, 5)], ids=lambda x: x.dist.name
)
@pytest.mark.parametrize("false_alarms", [0.05, 0.01])
def test_new_animals_pass_as_rarely_as_was_asked(law: object, false_alarms: float) -> None:
    new = law.rvs(2000, random_state=0)  # type: ignore[attr-defined]
    assert law.sf(threshold(new, false_alarms)) == pytest.approx(false_alarms, rel=0.3)  # type: ignore[attr-defined]


def test_the_model_is_the_likeliest_one() -> None:
    new = np.sort(stats.gumbel_r.rvs(size=200, random_state=1))
    start, excess = new[149], new[150:] - new[149]

    def unlikely(parameters: np.ndarray) -> float:
        return -float(stats.genpareto.logpdf(excess, parameters[0], scale=np.exp(parameters[1])).sum())

    shape, log_scale = minimize(unlikely, [0.1, 0.0], method="Nelder-Mead", options={"xatol": 1e-6}).x
    expected = start + np.exp(log_scale) / shape * ((50 / 200 / 0.05) ** shape - 1)
    assert threshold(new) == pytest.approx(expected, rel=1e-4)


def test_it_can_see_beyond_the_highest_score() -> None:
    new = stats.expon.rvs(size=100, random_state=2)
    assert threshold(new, 0.0005) > new.max()


def test_it_moves_with_the_units_of_the_score() -> None:
    new = stats.norm.rvs(size=60, random_state=3)
    assert threshold(1e-3 * new + 7) == pytest.approx(1e-3 * threshold(new) + 7, abs=1e-6)


def test_known_queries_do_not_matter_and_it_is_the_same_each_time() -> None:
    new = stats.norm.rvs(size=40, random_state=4)
    made = scores(cosine=[*new, 50.0, 60.0])
    rule = ExtremeValue("cosine").fit(made, truth([False] * 40 + [True] * 2))
    assert rule.pooled == threshold(new) == threshold(new[::-1])


def test_scores_with_many_ties_keep_a_model() -> None:
    new = stats.poisson(2).rvs(2000, random_state=0) / 50
    passing = (new >= threshold(new)).mean()
    assert 0.01 < passing < 0.06


@pytest.mark.parametrize("new", [np.ones(30), np.r_[np.zeros(98), 1.0, 2.0]], ids=["all equal", "most at the bottom"])
def test_too_many_equal_scores_are_refused(new: np.ndarray) -> None:
    with pytest.raises(CellFailed, match=f"extreme-value cannot model .*of {len(new)} have the lowest score"):
        threshold(new)


def test_a_data_set_that_cannot_be_modelled_is_named() -> None:
    made = scores(["zebras"] * 40 + ["seals"] * 40, cosine=[*np.linspace(0, 1, 40), *[0.3] * 40])
    with pytest.raises(CellFailed, match="data set 'seals': extreme-value cannot model"):
        ExtremeValue("cosine", "dataset").fit(made, truth([False] * 80))


def test_nine_new_queries_are_too_few_and_ten_are_not() -> None:
    with pytest.raises(CellFailed, match=r"0 known and 9 new queries, and extreme-value needs 0 and 10"):
        threshold(np.arange(9.0))
    assert np.isfinite(threshold(np.arange(10.0)))


def test_alarms_outside_the_tail_are_refused() -> None:
    with pytest.raises(ValidationError, match="false_alarms must be below tail"):
        ExtremeValueConfig(false_alarms=0.3)
