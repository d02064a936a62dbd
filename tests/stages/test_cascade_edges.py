"""The cascade at its edges: evidence that is just the threshold, answers that come and go, and no candidate at all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from shortlists import ByCount, counted

from harness.answers import Shortlist
from harness.stages.cascade import calibrate, evidence, first, matched


def stands_out(shortlist: Shortlist, depth: int) -> float:
    """The evidence of the first query, whose best is at place 0 of its first ``depth``."""
    seen = first(shortlist, np.array([0]), depth)
    return float(evidence(seen, np.array([0]))[0])


def test_a_query_goes_on_where_its_evidence_is_just_the_threshold() -> None:
    count = np.ones((1, 20))
    count[0, 0] = 100
    shortlist = counted(count)
    at = stands_out(shortlist, 2)
    for threshold, matched_pairs in ((at, 20), (np.nextafter(at, 0), 2)):
        chosen = matched(ByCount(), shortlist.ranking, None, lambda wanted: shortlist.local, threshold)
        assert chosen.sum() == matched_pairs


class Fickle(ByCount):
    """Orders by match count, but the last first where it sees three candidates."""

    def rank(self, shortlist: Shortlist) -> NDArray[np.float64]:
        scores = super().rank(shortlist)
        return -scores if scores.shape[1] == 3 else scores


def test_an_answer_that_is_right_at_first_and_wrong_later_counts_as_lost_from_the_first() -> None:
    count = np.tile([9.0, 4.0, 1.0, *[0.0] * 17], (59, 1))
    shortlist = counted(count)
    rule = calibrate(Fickle(), shortlist, shortlist.ranking.order == 0, 0.05)
    assert (rule.answers, rule.allowed) == (59, 0)
    assert rule.threshold == stands_out(shortlist, 2) == 1, "sqrt 9 - sqrt 4: no query may stop at depth 2"


def test_without_a_candidate_no_answer_is_counted() -> None:
    rule = calibrate(ByCount(), counted(np.ones((80, 0))), np.zeros((80, 0), np.bool_), 0.05)
    assert (rule.threshold, rule.answers, rule.allowed) == (np.inf, 0, -1)
