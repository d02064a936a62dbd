"""OpenSetContract: a right rule passes, and each wrong one is caught by the test meant for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testing.wrong import ALL, Wrong

RIGHT = """
import copy
import numpy as np
from harness import Config, OpenSetSpec, hookimpl

class Mine:
    def __init__(self, config):
        self.cut, self.shift = 0.0, 0.0

    def fit(self, scores, truth):
        cosine = scores.columns["cosine"]
        fitted = copy.copy(self)
        fitted.cut = (cosine[truth.known].mean() + cosine[~truth.known].mean()) / 2 + self.shift
        return fitted

    def decide(self, scores):
        cosine = scores.columns["cosine"]
        return cosine >= self.cut, cosine

@hookimpl
def harness_openset_rules():
    yield OpenSetSpec(name="mine", version="1", build=Mine, summary="a rule", licence="MIT")
"""

ANSWER = "return cosine >= self.cut, cosine"
FIT = "        return fitted\n"
WRONG = {
    "looks at the batch": Wrong(
        ANSWER,
        "return cosine >= (self.cut + cosine.mean()) / 2, cosine",
        {"test_a_batch_changes_no_answer"},
        frozenset({"test_no_queries_give_no_answers", "test_deciding_teaches_it_nothing"}),
    ),
    "looks at the query before": Wrong(
        ANSWER,
        "before = np.roll(cosine, 1); return before >= self.cut, before",
        {"test_the_order_of_queries_changes_no_answer", "test_a_batch_changes_no_answer"},
        frozenset({"test_higher_scores_are_more_surely_known"}),
    ),
    "keeps the labels": Wrong(
        ANSWER,
        "pairs = zip(scores.query_ids.tolist(), cosine, strict=True)\n"
        "        known = np.array([self.labels.get(name, score >= self.cut) for name, score in pairs], bool)\n"
        "        return known, known.astype(float)",
        {"test_labels_of_queries_are_never_seen"},
        frozenset({"test_higher_scores_are_more_surely_known"}),
    ),
    "is sure of the wrong end": Wrong(
        ANSWER,
        "return cosine >= self.cut, -cosine",
        {"test_known_is_where_the_confidence_is_high", "test_higher_scores_are_more_surely_known"},
    ),
    "decides by one thing and is sure by another": Wrong(
        ANSWER, 'return cosine >= self.cut, scores.columns["margin"]', {"test_known_is_where_the_confidence_is_high"}
    ),
    "gives NaN": Wrong(
        ANSWER,
        "return cosine >= self.cut, np.where(cosine > 0.3, cosine, np.nan)",
        {"test_every_query_gets_an_answer_and_a_finite_confidence"},
        ALL,
    ),
    "gives numbers for known": Wrong(
        ANSWER,
        "return (cosine >= self.cut) * 1.0, cosine",
        {"test_every_query_gets_an_answer_and_a_finite_confidence"},
        ALL,
    ),
    "takes only the columns that it was tried on": Wrong(
        ANSWER, f"assert len(scores.columns) == 3; {ANSWER}", {"test_what_it_declares_to_need_is_all_that_it_needs"}
    ),
    "learns while it decides": Wrong(
        ANSWER,
        "self.cut += 0.001 * len(cosine); " + ANSWER,
        {"test_deciding_teaches_it_nothing"},
        frozenset(
            {
                "test_a_batch_changes_no_answer",
                "test_a_second_fit_leaves_the_first_rule_as_it_is",
                "test_labels_of_queries_are_never_seen",
            }
        ),
    ),
    "remembers what it was fitted on before": Wrong(
        "/ 2 + self.shift",
        "/ 2 + self.cut / 2",
        {"test_a_second_fit_forgets_the_first"},
        frozenset(
            {
                "test_the_order_of_queries_changes_no_answer",
                "test_labels_of_queries_are_never_seen",
                "test_a_batch_changes_no_answer",
            }
        ),
    ),
    "needs kinds that it does not name": Wrong(
        'licence="MIT"',
        'licence="MIT", fitted_on=frozenset({"new"})',
        {"test_it_is_fitted_without_the_kinds_that_it_does_not_need"},
    ),
    "needs several photographs an animal": Wrong(
        FIT,
        "        assert len(set(truth.identity)) < len(truth.identity)\n" + FIT,
        {"test_one_photograph_an_animal_is_fitted"},
    ),
    "gives a list": Wrong(
        ANSWER,
        "return list(cosine >= self.cut), cosine",
        {"test_every_query_gets_an_answer_and_a_finite_confidence"},
        ALL,
    ),
    "fits itself": Wrong(
        "fitted = copy.copy(self)", "fitted = self", {"test_a_second_fit_leaves_the_first_rule_as_it_is"}
    ),
    "prints": Wrong(ANSWER, f"print(self.cut); {ANSWER}", {"test_it_prints_nothing"}),
    "fails without queries": Wrong(ANSWER, f"cosine[0]; {ANSWER}", {"test_no_queries_give_no_answers"}),
    "draws from the global state": Wrong(
        "0.0, 0.0", "0.0, np.random.random() / 2", {"test_two_builds_give_equal_bytes"}
    ),
    "changes its input": Wrong(
        ANSWER,
        "cosine += 0.0001; " + ANSWER,
        {"test_the_scores_are_left_as_they_are"},
        frozenset(
            {
                "test_a_batch_changes_no_answer",
                "test_a_second_fit_leaves_the_first_rule_as_it_is",
                "test_deciding_teaches_it_nothing",
                "test_labels_of_queries_are_never_seen",
            }
        ),
    ),
}


def test_a_fit_that_returns_nothing_says_what_it_must_return(run: Callable[..., dict[str, str]]) -> None:
    found = run("openset", RIGHT.replace(FIT, ""))["test_no_queries_give_no_answers"]
    assert found.startswith("failed: fit() must return the fitted rule, it returns None")


def test_a_right_rule_passes(passes: Callable[..., dict[str, str]]) -> None:
    assert passes("openset", RIGHT) == {
        "test_it_is_fitted_without_the_kinds_that_it_does_not_need": (
            "skipped: it declares that it needs known and new validation queries"
        )
    }


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_rule_is_caught(catches: Callable[..., None], wrong: Wrong) -> None:
    labels = "fitted.labels = dict(zip(scores.query_ids.tolist(), truth.known.tolist()))\n"
    right = RIGHT.replace(FIT, f"        {labels}{FIT}") if "labels" in wrong.new else RIGHT
    catches("openset", right, wrong)
