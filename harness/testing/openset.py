"""The contract of open-set rules: known or new, learnt from validation queries and from nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.answers import QueryScores, QueryTruth
from harness.contracts import OpenSetRule
from harness.specs import OpenSetSpec
from harness.testing import given, samples
from harness.testing.contract import Contract

ASKED = 63
"""Queries that it is asked about: so many that a small shift of a threshold shows."""
ALWAYS = ("cosine", "margin", "ratio")
"""Columns of every cell."""

Answer = tuple[NDArray[np.bool_], NDArray[np.float64]]


class OpenSetContract(Contract):
    """Tests of a rule. It is fitted on 64 queries, as on validation, and asked about others."""

    kind = "openset"

    def _spec(self) -> OpenSetSpec:
        spec = self.choice().spec
        assert isinstance(spec, OpenSetSpec)
        return spec

    def _declared(self) -> list[str]:
        """The columns that a cell has which gives the rule what it declares, and no more."""
        spec, config = self._spec(), self.choice().config
        matched = ["count", "normalised-count"] if spec.needs_matches(config) else []
        return [*ALWAYS, *matched, *(["fused"] if spec.needs_fusion(config) else [])]

    def _queries(self, seed: int, known: int = 40, new: int = 24, columns: Sequence[str] = ()) -> Any:
        return samples.query_scores(seed, known, new, columns or self._declared())

    def _asked(self) -> QueryScores:
        """Queries from surely new to surely known; they go by names of those that it was fitted on."""
        return samples.rising(self._declared(), ASKED)

    def _fitted(self, built: Any = None) -> Any:
        fitted = (self.made() if built is None else built).fit(*self._queries(0))
        assert isinstance(fitted, OpenSetRule), f"fit() must return the fitted rule, it returns {given.a(fitted)}"
        return fitted

    def _use(self, built: Any) -> None:
        self._fitted(built).decide(self._asked())

    def _decide(self, scores: QueryScores, rule: Any = None) -> Answer:
        answer: Any = (rule or self._fitted()).decide(deepcopy(scores))
        pair = isinstance(answer, tuple) and len(answer) == 2
        assert pair, f"decide() must give a tuple (known, confidence), it gives {given.a(answer)}"
        known, confidence = answer
        given.array(known, "known", np.bool_)
        given.array(confidence, "the confidence", np.float64)
        shape = (len(scores.query_ids),)
        assert known.shape == confidence.shape == shape, f"{known.shape} and {confidence.shape} for {shape} queries"
        assert np.isfinite(confidence).all(), "a confidence is not finite"
        return known, confidence

    def test_every_query_gets_an_answer_and_a_finite_confidence(self) -> None:
        self._decide(self._queries(1)[0])

    def test_what_it_declares_to_need_is_all_that_it_needs(self) -> None:
        self._decide(self._asked())
        every = (*ALWAYS, "count", "normalised-count", "fused")
        rule = self.made().fit(*self._queries(0, columns=every))
        self._decide(self._queries(1, columns=every)[0], rule)

    def test_known_is_where_the_confidence_is_high(self) -> None:
        known, confidence = self._decide(self._queries(1, 200, 200)[0])
        lowest = confidence[known].min(initial=np.inf)
        highest = confidence[~known].max(initial=-np.inf)
        assert lowest > highest, f"known at confidence {lowest:g}, and new at {highest:g}: one cut must divide them"

    def test_higher_scores_are_more_surely_known(self) -> None:
        low, high = (np.full(3, value) for value in (0.001, 0.999))
        ends = QueryScores(
            samples.names("q", 6), np.full(6, "herd"), {c: np.append(low, high) for c in self._declared()}
        )
        _, confidence = self._decide(ends)
        assert confidence[:3].max() <= confidence[3:].min(), "the confidence falls where all scores rise"

    def test_a_batch_changes_no_answer(self) -> None:
        scores, rule = self._asked(), self._fitted()
        for size in (1, 7):
            parts = [
                self._decide(samples.asked(scores, range(start, start + size)), rule) for start in range(0, ASKED, size)
            ]
            known, sure = (np.concatenate(columns) for columns in zip(*parts, strict=True))
            self._same(self._decide(scores, rule), (known, sure), f"in batches of {size}")

    def test_the_order_of_queries_changes_no_answer(self) -> None:
        scores = self._asked()
        known, confidence = self._decide(samples.asked(scores, range(ASKED - 1, -1, -1)))
        self._same(self._decide(scores), (known[::-1], confidence[::-1]), "in another order")

    def test_labels_of_queries_are_never_seen(self) -> None:
        scores, (validation, truth) = self._asked(), self._queries(0)
        renamed = replace(scores, query_ids=samples.names("other", ASKED))
        rule = self._fitted()
        self._same(self._decide(scores, rule), self._decide(renamed, rule), "by another name")
        names = replace(validation, query_ids=samples.names("v", len(validation.query_ids)))
        other = self.made().fit(names, truth)
        self._same(self._decide(scores), self._decide(scores, other), "after validation by other names")

    def test_deciding_teaches_it_nothing(self) -> None:
        scores, rule = self._asked(), self._fitted()
        known, confidence = self._decide(scores, rule)
        before = known.copy(), confidence.copy()
        self._decide(self._queries(7, 3, 80)[0], rule)
        self._same(before, self._decide(scores, rule), "after it decided about others")

    def test_a_second_fit_forgets_the_first(self) -> None:
        other = self.made().fit(*self._queries(5, 60, 30))
        again = self._decide(self._asked(), self._fitted(other))
        self._same(self._decide(self._asked()), again, "after an earlier fit on other queries")

    def test_a_second_fit_leaves_the_first_rule_as_it_is(self) -> None:
        made, scores = self.made(), self._asked()
        first = self._fitted(made)
        known, confidence = self._decide(scores, first)
        before = known.copy(), confidence.copy()
        made.fit(*self._queries(5, 60, 30))
        self._same(before, self._decide(scores, first), "once fit() was called again: fit() returns a rule of its own")

    def test_it_is_fitted_without_the_kinds_that_it_does_not_need(self) -> None:
        needed = self._spec().fitted_on
        assert needed <= {"known", "new"}, f"fitted_on names {sorted(needed - {'known', 'new'})}"
        if needed == {"known", "new"}:
            pytest.skip("it declares that it needs known and new validation queries")
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # a mean of nothing is none to be fitted on
            rule = self.made().fit(*self._queries(0, 40 * ("known" in needed), 24 * ("new" in needed)))
        self._decide(self._asked(), rule)

    def test_one_photograph_an_animal_is_fitted(self) -> None:
        scores, truth = self._queries(0)
        single = QueryTruth(truth.known, truth.right, samples.names("a", len(truth.known)))
        self._decide(self._asked(), self.made().fit(scores, single))

    def test_no_queries_give_no_answers(self) -> None:
        self._decide(samples.asked(self._asked(), []))

    def test_two_builds_give_equal_bytes(self) -> None:
        one, two = (samples.stamp(list(self._decide(self._asked(), self._fitted(b)))) for b in self._twice())
        assert one == two, "two builds decide differently: draw nothing, or from a seed of your own"

    def test_the_scores_are_left_as_they_are(self) -> None:
        scores, validation = self._asked(), self._queries(0)
        before = samples.stamp([scores, *validation])
        self.made().fit(*validation).decide(scores)
        assert samples.stamp([scores, *validation]) == before, "fit() or decide() changes what it is handed"

    def _same(self, one: Answer, two: Answer, how: str) -> None:
        assert np.array_equal(one[0], two[0]), f"a query is known or new otherwise {how}"
        assert np.allclose(one[1], two[1], rtol=1e-9, atol=1e-12), f"a query has another confidence {how}"
