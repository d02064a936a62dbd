"""FusionContract: a right fusion passes, and each wrong one is caught by the test meant for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from testing.wrong import ALL, Wrong

RIGHT = """
import numpy as np
from harness import Config, FusionSpec, hookimpl

class Mine:
    def __init__(self, config):
        self.level, self.weight = 0.0, 0.5

    def fit(self, shortlist, truth):
        counts = shortlist.local.count[shortlist.ranking.order >= 0]
        self.level = float(counts.mean())
        return self

    def rank(self, shortlist):
        cosine = np.where(shortlist.ranking.order >= 0, shortlist.ranking.scores, 0.0)
        count = shortlist.local.count.astype(float)
        return cosine + self.weight * count / (count + self.level)

@hookimpl
def harness_fusions():
    yield FusionSpec(name="mine", version="1", build=Mine, summary="a fusion", licence="MIT")
"""

RETURN = "return cosine + self.weight * count / (count + self.level)"
WRONG = {
    "looks at padding": Wrong(
        RETURN,
        RETURN + " - cosine.mean(1, keepdims=True)",
        {"test_padding_changes_no_score"},
        frozenset({"test_no_query_and_no_candidate_are_ranked_too"}),
    ),
    "looks at the batch": Wrong(RETURN, RETURN + " - count.max(initial=0) / 99", {"test_a_batch_changes_no_score"}),
    "looks at the query before": Wrong(
        RETURN,
        RETURN + " + np.roll(count, 1, axis=0)",
        {"test_the_order_of_queries_changes_no_score", "test_a_batch_changes_no_score"},
    ),
    "looks at the place in the list": Wrong(
        RETURN,
        RETURN + " - 0.01 * np.arange(count.shape[1])",
        {"test_candidates_that_nothing_tells_apart_get_one_score"},
    ),
    "divides by nothing": Wrong(
        RETURN,
        "return cosine + count / np.where(count.any(), count.max(initial=0), 0)",
        {"test_no_match_at_all_is_ranked_too", "test_a_batch_changes_no_score"},
        frozenset({"test_one_candidate_is_ranked_too"}),
    ),
    "gives a list": Wrong(
        RETURN, RETURN.replace("return ", "return (") + ").tolist()", {"test_every_candidate_gets_a_finite_score"}, ALL
    ),
    "prints": Wrong(RETURN, f"print(count); {RETURN}", {"test_it_prints_nothing"}),
    "fails without queries": Wrong(RETURN, f"count[0]; {RETURN}", {"test_no_query_and_no_candidate_are_ranked_too"}),
    "needs two candidates": Wrong(
        RETURN,
        f"np.partition(count, -2, axis=1); {RETURN}",
        {"test_one_candidate_is_ranked_too"},
    ),
    "gives NaN": Wrong(
        RETURN,
        "return cosine + np.log(count)",
        {"test_every_candidate_gets_a_finite_score", "test_no_match_at_all_is_ranked_too"},
        frozenset({"test_the_candidates_stay_the_same", "test_one_candidate_is_ranked_too"}),
    ),
    "changes the candidates": Wrong(
        RETURN,
        "shortlist.ranking.order[:, ::2] = 0; " + RETURN,
        {"test_the_candidates_stay_the_same", "test_the_shortlist_is_left_as_it_is"},
        frozenset({"test_every_candidate_gets_a_finite_score", "test_padding_changes_no_score"}),
    ),
    "needs matches and does not say so": Wrong(
        'licence="MIT"', 'licence="MIT", needs_matches=lambda config: False', {"test_it_ranks_without_a_matcher"}
    ),
    "remembers what it was fitted on before": Wrong(
        "self.level = float(counts.mean())",
        "self.level = self.level / 2 + float(counts.mean())",
        {"test_a_second_fit_forgets_the_first"},
        frozenset(
            {
                "test_a_batch_changes_no_score",
                "test_padding_changes_no_score",
                "test_the_order_of_queries_changes_no_score",
            }
        ),
    ),
    "learns while it ranks": Wrong(
        RETURN,
        "self.level += 0.1; " + RETURN,
        {"test_ranking_teaches_it_nothing"},
    ),
    "fails on one-sided validation with a bare error": Wrong(
        "return self\n",
        "return self if truth.any() else 1 / 0\n",
        {"test_validation_without_a_right_pair_is_fitted_or_refused"},
    ),
    "draws from the global state": Wrong("0.0, 0.5", "0.0, np.random.random()", {"test_two_builds_give_equal_bytes"}),
    "changes its input": Wrong(
        RETURN, "shortlist.local.count[:] = 0; " + RETURN, {"test_the_shortlist_is_left_as_it_is"}
    ),
}


def test_a_right_fusion_passes(passes: Callable[..., dict[str, str]]) -> None:
    skipped = passes("fusion", RIGHT)
    assert skipped == {"test_it_ranks_without_a_matcher": "skipped: it declares that it needs matches"}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_fusion_is_caught(catches: Callable[..., None], wrong: Wrong) -> None:
    catches("fusion", RIGHT, wrong)
