"""The score of a cell: every metric with its n and interval, outcomes per query, and the counts behind them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import CellFailed
from harness.metrics.intervals import mean
from harness.metrics.openset import auroc, baks, baus
from harness.metrics.ranking import first_hits, tied_first, within
from harness.protocol import Protocol
from harness.store import Value
from harness.table import ImageTable
from harness.types import NEW, Decisions, Ranking


def score(
    protocol: Protocol,
    query: ImageTable,
    gallery: ImageTable,
    coarse: Ranking,
    final: Ranking,
    decisions: Decisions | None,
    classified: tuple[str, NDArray[np.bool_]] | None,
) -> Value:
    """Metrics of one cell in ``info``, outcomes per query in ``arrays``.

    Args:
        protocol: ks, rank level, and the policy for new queries.
        query, gallery: rows in the order of the rankings.
        coarse, final: the ranking before and after re-ranking.
        decisions: known or new, None without a rule.
        classified: what a plain classifier tells apart, and whether it is right per query.

    Raises:
        CellFailed: re-ranking changed R-B at the end of the shortlist, which it cannot.
    """
    hits = first_hits(final, query.identity, gallery.identity, protocol.level)
    _check_shortlist(protocol, query, gallery, coarse, final)
    counted = query.known if protocol.unknown == "drop" else np.ones(len(query), bool)
    identity = query.identity
    metrics = {f"R-{k}": mean(within(hits, k)[counted], identity[counted]) for k in protocol.ks}
    if decisions is not None:
        metrics["BAKS"] = baks(decisions, identity, query.known)
        metrics["BAUS"] = baus(decisions, identity, query.known)
        metrics["AUROC"] = auroc(decisions.confidence, identity, query.known)
    metrics["tie rate"] = mean(tied_first(final), identity)
    if classified is not None:
        labels, right = classified
        rows = query.known if labels == "identity" else np.ones(len(query), bool)
        metrics[f"{labels} accuracy"] = mean(right[rows].astype(np.float64), identity[rows])
    arrays: dict[str, NDArray[Any]] = {"first_hit": hits}
    if decisions is not None:
        arrays["confidence"] = decisions.confidence
        arrays["said_known"] = (decisions.identities != NEW).astype(np.uint8)
    counts = {"n_dropped": int((~counted).sum())}
    return Value(arrays, {"metrics": {name: m.as_dict() for name, m in metrics.items()}, "counts": counts})


def _check_shortlist(
    protocol: Protocol, query: ImageTable, gallery: ImageTable, coarse: Ranking, final: Ranking
) -> None:
    """Re-ranking inside a shortlist of B candidates cannot change R-B, at image level."""
    before, after = (first_hits(r, query.identity, gallery.identity) > 0 for r in (coarse, final))
    if not np.array_equal(before, after):
        raise CellFailed(f"re-ranking changed R-{protocol.shortlist}, the end of its shortlist", "Mend the fusion.")
