"""The cascade: the most promising candidates are matched first, and a query stops where its best one stands out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.answers import Shortlist
from harness.contracts import Fusion
from harness.stages.fuse import fuse
from harness.types import PairScores, Ranking

SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8)
"""Shares of a shortlist after which a query may stop."""
DELTA = 0.05
"""The chance, over draws of validation queries, that the true risk of a rule is above the stated one."""
DECIMALS = 9
"""Evidence is rounded to this: what differs by less is the order of a sum."""

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class StoppingRule:
    """A query stops where its evidence is above ``threshold``; infinite: it never stops.

    ``answers``: right first answers to validation queries that it was calibrated on. ``allowed``: how many of them it
    may lose; -1 where they are too few to show the risk, even if none is lost.
    """

    threshold: float
    answers: int
    allowed: int


def depths(candidates: int) -> list[int]:
    """After how many of ``candidates`` a query may stop, rising: neither at their end, nor where one stands alone."""
    return sorted({int(np.ceil(share * candidates)) for share in SHARES} - {1, candidates})


def losses_allowed(answers: int, risk: float) -> int:
    """The most losses among ``answers`` that show, at level :data:`DELTA`, a risk of at most ``risk``; -1: none do.

    The exact binomial bound (Clopper and Pearson, Biometrika 1934).
    """
    from scipy.stats import binom

    return int(np.searchsorted(binom.cdf(np.arange(answers), answers, risk), DELTA, side="right")) - 1


def answers_needed(risk: float) -> int:
    """The fewest right first answers that show a risk of at most ``risk``: where none of them is lost."""
    return int(np.floor(np.log(DELTA) / np.log1p(-risk))) + 1


def calibrate(fusion: Fusion, shortlist: Shortlist, truth: Mask, risk: float) -> StoppingRule:
    """The lowest threshold under which P(the cascade's first answer is wrong | that of full matching is right) <= risk.

    R-1 then falls by at most risk x R-1, whatever R-1 is. It holds with probability 1 - :data:`DELTA` for right answers
    to queries that come as the validation queries came, each by itself, and for a fusion that was not fitted on them
    (one with a few parameters comes near that); validation that is easier than the test shows too small a risk.
    Risk-controlling prediction sets (Bates et al., Journal of the ACM 2021): a stop counts as a loss where the answer
    is wrong there *or at a later depth*, so that a lower threshold never loses fewer, and the choice of the threshold
    needs no correction. A new individual has no right answer to lose: about its queries nothing is said.

    Args:
        fusion: fitted.
        shortlist: of validation queries [q, k], matched in full.
        truth: which candidate shows the right animal, bool [q, k].
        risk: largest share of the right answers that may be lost.
    """
    every, candidates = np.arange(len(truth)), truth.shape[1]
    rows = np.flatnonzero(truth[every, _best(fusion, shortlist)]) if candidates else every[:0]
    allowed = losses_allowed(len(rows), risk)
    if allowed < 0:
        return StoppingRule(np.inf, len(rows), allowed)
    lost, worst = np.zeros(len(rows), np.bool_), np.full(len(rows), -np.inf)
    for depth in reversed(depths(candidates)):
        seen = first(shortlist, rows, depth)
        best = _best(fusion, seen)
        lost |= ~truth[rows, best]
        worst = np.where(lost, np.maximum(worst, evidence(seen, best)), worst)
    return StoppingRule(float(np.sort(worst)[::-1][allowed]), len(rows), allowed)


def matched(
    fusion: Fusion, ranking: Ranking, neighbours: Ranking | None, pairs: Callable[[Mask], PairScores], threshold: float
) -> Mask:
    """Which candidates are matched, bool [q, k]: for each query the first ones, up to where it stops.

    All queries are matched to the first depth together, those that go on to the next, and so on.

    Args:
        fusion: fitted.
        ranking: the global shortlist [q, k]; ``neighbours``: what the fusion wants to see beside it.
        pairs: matches the wanted places [q, k], and gives zero elsewhere.
        threshold: of a :class:`StoppingRule`.
    """
    queries, candidates = ranking.order.shape
    reached, going = np.full(queries, candidates), np.arange(queries)
    for depth in depths(candidates) if threshold < np.inf else ():
        wanted = np.zeros(ranking.order.shape, np.bool_)
        wanted[going, :depth] = True
        seen = first(Shortlist(ranking, pairs(wanted), neighbours), going, depth)
        clear = evidence(seen, _best(fusion, seen)) > threshold
        reached[going[clear]], going = depth, going[~clear]
    return (np.arange(candidates) < reached[:, None]) & (ranking.order >= 0)


def evidence(shortlist: Shortlist, best: Rows) -> NDArray[np.float64]:
    """How far the candidate at place ``best`` [q] stands out: sqrt(its inliers) less the mean of the others'; [q].

    A count of chance matches varies by about its square root whatever its mean is (Anscombe, Biometrika 1948), so that
    one threshold suits photographs with few and with many keypoints. 0 for a query without a candidate.
    """
    assert shortlist.local is not None
    roots, valid = np.sqrt(shortlist.local.inliers.astype(np.float64)), shortlist.ranking.order >= 0
    own = roots[np.arange(len(best)), best]
    others = np.maximum(valid.sum(axis=1) - 1, 1)
    return np.asarray(np.round(own - (roots.sum(axis=1) - own) / others, DECIMALS), np.float64)


def first(shortlist: Shortlist, queries: Rows, depth: int) -> Shortlist:
    """The first ``depth`` candidates of some queries."""
    ranking, local = shortlist.ranking, shortlist.local
    assert local is not None
    order, scores = ranking.order[queries, :depth], ranking.scores[queries, :depth]
    names = ("count", "confidence", "inliers", "candidate_keypoints")
    part = {name: getattr(local, name)[queries, :depth] for name in names}
    return replace(
        shortlist,
        ranking=Ranking(ranking.query_ids[queries], ranking.gallery_ids, order, scores),
        local=replace(local, **part, keypoints=local.keypoints[queries]),
    )


def _best(fusion: Fusion, shortlist: Shortlist) -> Rows:
    """The place of the first answer in the shortlist [q]; 0 for a query without a candidate."""
    answers = fuse(fusion, shortlist).order[:, :1]
    return np.asarray(np.argmax(shortlist.ranking.order == answers, axis=1), np.int64)
