"""The contract of fusions: rules that order a shortlist."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.answers import Shortlist
from harness.contracts import Fusion
from harness.errors import HarnessError
from harness.specs import FusionSpec
from harness.stages.fuse import fuse
from harness.testing import given, samples
from harness.testing.contract import Contract
from harness.types import PairScores, Ranking

Scores = NDArray[np.float64]


class FusionContract(Contract):
    """Tests of a fusion. It is fitted on one shortlist, as on validation, and asked about others."""

    kind = "fusion"

    def _spec(self) -> FusionSpec:
        spec = self.choice().spec
        assert isinstance(spec, FusionSpec)
        return spec

    def _near(self) -> int:
        return self._spec().neighbours(self.choice().config)

    def _drawn(self, seed: int, **sizes: Any) -> tuple[Shortlist, NDArray[np.bool_]]:
        return samples.shortlist(seed, near=self._near(), **sizes)

    def _fitted(self, built: Any = None) -> Any:
        fitted = (self.made() if built is None else built).fit(*self._drawn(0, queries=24, padded=False))
        assert isinstance(fitted, Fusion), f"fit() must return the fitted fusion, it returns {given.a(fitted)}"
        return fitted

    def _use(self, built: Any) -> None:
        self._fitted(built).rank(self._drawn(1)[0])

    def _rank(self, shortlist: Shortlist, fitted: Any = None) -> Scores:
        scores: Any = (self._fitted() if fitted is None else fitted).rank(deepcopy(shortlist))
        given.array(scores, "the scores of rank()", np.float64)
        wanted = shortlist.ranking.order.shape
        assert scores.shape == wanted, f"scores {scores.shape} of a shortlist {wanted}"
        ranked: Scores = scores
        return ranked

    def test_every_candidate_gets_a_finite_score(self) -> None:
        for seed in (1, 2, 3):
            shortlist, _ = self._drawn(seed)
            assert np.isfinite(self._rank(shortlist)[shortlist.ranking.order >= 0]).all(), "a score is not finite"

    def test_the_candidates_stay_the_same(self) -> None:
        shortlist, _ = self._drawn(1)
        ordered = fuse(self._fitted(), shortlist)
        same = np.array_equal(np.sort(ordered.order, axis=1), np.sort(self._drawn(1)[0].ranking.order, axis=1))
        assert same, "the shortlist has other candidates than before"

    def test_a_batch_changes_no_score(self) -> None:
        shortlist, _ = self._drawn(1)
        alone = [self._rank(samples.queries_of(shortlist, [row])) for row in range(7)]
        self._same(shortlist, self._rank(shortlist), np.concatenate(alone), "alone and in a batch of 7")

    def test_the_order_of_queries_changes_no_score(self) -> None:
        shortlist, _ = self._drawn(1)
        backward = self._rank(samples.queries_of(shortlist, range(6, -1, -1)))[::-1]
        self._same(shortlist, self._rank(shortlist), backward, "in another order")

    def test_padding_changes_no_score(self) -> None:
        shortlist, _ = self._drawn(1)
        wider = self._rank(samples.widened(shortlist, 3))[:, :-3]
        self._same(shortlist, self._rank(shortlist), wider, "with more padding")

    def test_candidates_that_nothing_tells_apart_get_one_score(self) -> None:
        if self._near():
            pytest.skip("it looks at the gallery's neighbours, which do tell them apart")
        scores = self._rank(_alike(self._drawn(1, padded=False)[0]))
        assert np.allclose(scores, scores[:, :1]), "equal candidates get unequal scores: a place is no evidence"

    def test_no_match_at_all_is_ranked_too(self) -> None:
        shortlist, _ = self._drawn(1)
        assert shortlist.local is not None
        none = {name: np.zeros_like(getattr(shortlist.local, name)) for name in samples.SCORES}
        ranked = self._rank(replace(shortlist, local=replace(shortlist.local, **none)))
        assert np.isfinite(ranked[shortlist.ranking.order >= 0]).all(), "a score is not finite where nothing matched"

    def test_no_query_and_no_candidate_are_ranked_too(self) -> None:
        for queries, k in ((0, 8), (3, 0)):
            shortlist, _ = self._drawn(1, queries=queries, k=k, padded=False)
            assert self._rank(shortlist).shape == (queries, k), f"{queries} queries with {k} candidates"

    def test_one_candidate_is_ranked_too(self) -> None:
        shortlist, _ = self._drawn(1, queries=2, k=1, gallery=1, padded=False)
        assert np.isfinite(self._rank(shortlist)).all(), "a score is not finite where there is one candidate"

    def test_it_ranks_without_a_matcher(self) -> None:
        if self._spec().needs_matches(self.choice().config):
            pytest.skip("it declares that it needs matches")
        (shortlist, _), (validation, truth) = self._drawn(1), self._drawn(0, queries=24, padded=False)
        fitted = self.made().fit(replace(validation, local=None), truth)
        ranked = np.asarray(fitted.rank(replace(shortlist, local=None)))
        assert np.isfinite(ranked[shortlist.ranking.order >= 0]).all(), "a score is not finite without a matcher"

    def test_a_second_fit_forgets_the_first(self) -> None:
        shortlist, _ = self._drawn(1)
        other = self.made().fit(*self._drawn(5, queries=30, padded=False))
        again = self._rank(shortlist, self._fitted(other))
        self._same(shortlist, self._rank(shortlist), again, "after an earlier fit on other queries")

    def test_ranking_teaches_it_nothing(self) -> None:
        (shortlist, _), fitted = self._drawn(1), self._fitted()
        before = self._rank(shortlist, fitted)
        self._rank(self._drawn(5)[0], fitted)
        self._same(shortlist, before, self._rank(shortlist, fitted), "after it ranked others")

    def test_validation_without_a_right_pair_is_fitted_or_refused(self) -> None:
        for pairs in (np.zeros_like, np.ones_like):
            validation, truth = self._drawn(0, queries=24, padded=False)
            _fits_or_says_why(self.made().fit, validation, pairs(truth))

    def test_two_builds_give_equal_bytes(self) -> None:
        shortlist, _ = self._drawn(1)
        one, two = (samples.stamp(self._rank(shortlist, self._fitted(built))) for built in self._twice())
        assert one == two, "two builds rank differently: draw nothing, or from a seed of your own"

    def test_the_shortlist_is_left_as_it_is(self) -> None:
        (shortlist, _), (validation, truth) = self._drawn(1), self._drawn(0, queries=24, padded=False)
        before = samples.stamp([shortlist, validation, truth])
        self.made().fit(validation, truth).rank(shortlist)
        assert samples.stamp([shortlist, validation, truth]) == before, "fit() or rank() changes what it is handed"

    def _same(self, shortlist: Shortlist, one: Scores, two: Scores, how: str) -> None:
        there = shortlist.ranking.order >= 0
        assert np.allclose(one[there], two[there], rtol=1e-9, atol=1e-12), f"a candidate has another score {how}"


def _alike(shortlist: Shortlist) -> Shortlist:
    """The same candidates, each with one cosine and the same matches as the others."""
    ranking, shape = shortlist.ranking, shortlist.ranking.order.shape
    count, confidence, inliers = (np.full(shape, value, np.float32) for value in (4, 2, 3))
    own, theirs = np.full(shape[0], 20, np.int32), np.full(shape, 30, np.int32)
    equal = PairScores(count, confidence, inliers, own, theirs)
    same = Ranking(ranking.query_ids, ranking.gallery_ids, ranking.order, np.full(shape, 0.5))
    return replace(shortlist, ranking=same, local=equal)


def _fits_or_says_why(fit: Callable[..., Any], *arguments: Any) -> None:
    """An error that tells a user what is wrong is as good as a fit; any other error passes through."""
    with suppress(HarnessError):
        fit(*arguments)
