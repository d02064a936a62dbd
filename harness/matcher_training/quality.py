"""Precision and recall of a matcher on pairs of views whose true matches are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Matcher, Progress
from harness.matcher_training.truth import distances, partners
from harness.matcher_training.views import Views

BATCH = 32
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a matcher said on p pairs of views.

    ``pair`` int64 [k], ``score`` float32 [k] and ``right`` bool [k] of its k matches: which pair they belong to, how
    sure it was, and whether the two places are one. ``recalls`` bool [k]: whether it is the first right one of a
    keypoint that has a partner. ``true`` int64 [p]: keypoints of each pair's first view that have a partner.
    """

    pair: Counts
    score: NDArray[np.float32]
    right: NDArray[np.bool_]
    recalls: NDArray[np.bool_]
    true: Counts

    def above(self, threshold: float) -> tuple[Counts, Counts, Counts]:
        """(right matches, matches, recalled keypoints) of each pair with at least that score, int64 [p] each."""
        kept = self.score >= threshold
        each = (kept & self.right, kept, kept & self.recalls)
        right, said, recalled = (np.bincount(self.pair[rows], minlength=len(self.true)) for rows in each)
        return right, said, recalled


def answers(matcher: Matcher, views: Views, pairs: Counts, pixels: float, progress: Progress | None = None) -> Answers:
    """Match pairs [p, 2] of views. A match is right if its two places are at most ``pixels`` apart in the photograph,
    both on the animal; partners are those of :func:`harness.matcher_training.truth.partners`."""
    pair, score, right, recalls, true = [], [], [], [], []
    for start in range(0, len(pairs), BATCH):
        rows = pairs[start : start + BATCH]
        images = {row: views.features.image(row) for row in np.unique(rows).tolist()}
        found = matcher.match([(images[first], images[second]) for first, second in rows.tolist()])
        for offset, ((first, second), matches) in enumerate(zip(rows.tolist(), found, strict=True)):
            order = np.argsort(-matches.scores[matches.inliers], kind="stable")  # the surest of a keypoint counts
            kept = matches.indices[matches.inliers][order]
            own, near = kept[:, 0], distances(views, first, second)[kept[:, 0], kept[:, 1]] <= pixels
            partnered = partners(views, first, second, pixels, pixels)[0] >= 0
            pair.append(np.full(len(kept), start + offset))
            score.append(matches.scores[matches.inliers][order])
            right.append(near)
            recalls.append(_firsts(own, near & partnered[own]))
            true.append(int(partnered.sum()))
        if progress:
            progress.advance(len(rows))
    return Answers(
        np.concatenate([np.zeros(0, np.int64), *pair]),
        np.concatenate([np.zeros(0, np.float32), *score]),
        np.concatenate([np.zeros(0, np.bool_), *right]),
        np.concatenate([np.zeros(0, np.bool_), *recalls]),
        np.array(true),
    )


def _firsts(values: NDArray[np.integer], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the rows ``among``, the first one of each value."""
    rows = np.flatnonzero(among)
    first = np.zeros(len(values), np.bool_)
    first[rows[np.unique(values[rows], return_index=True)[1]]] = True
    return first


def precision_recall(found: Answers, threshold: float = 0.0) -> tuple[float, float]:
    """(right matches / matches, recalled keypoints / keypoints with a partner) over all pairs; NaN where there is none
    to count."""
    right, said, recalled = (counts.sum() for counts in found.above(threshold))
    return _share(right, said), _share(recalled, found.true.sum())


def threshold_at(found: Answers, precision: float) -> float:
    """The lowest score from which on the matches are as precise as ``precision``; infinite where none is."""
    order = np.argsort(-found.score, kind="stable")
    shares = np.cumsum(found.right[order]) / np.arange(1, len(order) + 1)
    good = np.flatnonzero(shares >= precision)
    return float(found.score[order[good[-1]]]) if len(good) else float("inf")


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")
