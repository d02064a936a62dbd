"""The score of a cell: every metric with its n and interval, the same under other policies, and outcomes per query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.answers import Decisions
from harness.errors import CellFailed
from harness.metrics.intervals import Estimate, mean, means
from harness.metrics.openset import open_set
from harness.metrics.ranking import first_hits, right_answers, tied_first
from harness.protocol import Protocol
from harness.record import ranking_digest
from harness.store import Value
from harness.table import ImageTable
from harness.types import NEW, Ranking
from harness.views import Asked, Policy, averaged, outcomes, views

Metrics = dict[str, Estimate]


@dataclass(frozen=True, eq=False)
class Finished:
    """What a cell ends with.

    ``coarse`` and ``final``: the ranking before and after re-ranking. ``decisions``: known or new, None without a rule.
    ``classified``: what a plain classifier tells apart, and whether it is right on each query. ``image_level``: False
    where only individuals were ranked, by somebody else, so that numbers by image would mean nothing. ``counts``: what
    else the record shall count.
    """

    coarse: Ranking
    final: Ranking
    decisions: Decisions | None = None
    classified: tuple[str, NDArray[np.bool_]] | None = None
    image_level: bool = True
    counts: Mapping[str, int] = field(default_factory=dict)


def score(protocol: Protocol, asked: Asked, done: Finished) -> Value:
    """Metrics and views of one cell in ``info``, outcomes per query in ``arrays``.

    Raises:
        CellFailed: re-ranking changed R-B at the end of the shortlist, which it cannot.
    """
    _check_shortlist(protocol, asked, done)
    query, gallery = asked.query, asked.gallery
    policy = Policy(protocol.level, protocol.unknown)
    own = outcomes(protocol, asked, done.final, done.decisions, policy, done.image_level)
    metrics: Metrics = averaged(own, query, protocol.average)
    by_identity = means({"R-1": own["R-1"]}, query.identity, "identity")
    metrics["balanced accuracy"] = by_identity["R-1"]
    seen = views(protocol, asked, done.final, done.decisions, own, done.image_level)
    if "leak=none" in seen:
        metrics["R-1 no leak"] = seen["leak=none"]["R-1"]
    metrics |= _open_set(query, gallery, done)
    metrics["tie rate"] = mean(tied_first(done.final), query.identity)
    metrics |= _classified(query, done.classified)
    dropped, leaked = int(np.isnan(own["R-1"]).sum()), int(asked.leaked.sum())
    counts = {"n_dropped": dropped, "n_leaked": leaked, **done.counts}
    shown = {view: _plain(found) for view, found in seen.items()}
    info = {"metrics": _plain(metrics), "views": shown, "counts": counts, "ranking": ranking_digest(done.final)}
    return Value(_arrays(asked, done), info)


def _open_set(query: ImageTable, gallery: ImageTable, done: Finished) -> Metrics:
    if done.decisions is None:
        return {}
    right = right_answers(done.final, query.identity, gallery.identity)[:, :1].any(axis=1)
    return open_set(done.decisions, np.asarray(right, np.bool_), query.identity, query.known)


def _classified(query: ImageTable, classified: tuple[str, NDArray[np.bool_]] | None) -> Metrics:
    if classified is None:
        return {}
    labels, right = classified
    rows = query.known if labels == "identity" else np.ones(len(query), bool)
    return {f"{labels} accuracy": mean(right[rows].astype(np.float64), query.identity[rows])}


def _arrays(asked: Asked, done: Finished) -> dict[str, NDArray[Any]]:
    """Outcomes per query: the rank of the first right image (0: not in the list), and the decision."""
    arrays: dict[str, NDArray[Any]] = {
        "first_hit": first_hits(done.final, asked.query.identity, asked.gallery.identity),
        "leaked": asked.leaked.astype(np.uint8),
    }
    if done.decisions is not None:
        arrays["confidence"] = done.decisions.confidence
        arrays["said_known"] = (done.decisions.identities != NEW).astype(np.uint8)
    return arrays


def _plain(metrics: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: found.as_dict() for name, found in metrics.items()}


def _check_shortlist(protocol: Protocol, asked: Asked, done: Finished) -> None:
    """Re-ranking inside a shortlist of B candidates cannot change R-B, at image level."""
    before, after = (first_hits(r, asked.query.identity, asked.gallery.identity) > 0 for r in (done.coarse, done.final))
    if not np.array_equal(before, after):
        raise CellFailed(f"re-ranking changed R-{protocol.shortlist}, the end of its shortlist", "Mend the fusion.")
