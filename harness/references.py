"""Rows to compare with: what chance, and always answering the commonest individual, give under a protocol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.answers import Decisions
from harness.metrics.intervals import Estimate
from harness.metrics.ranking import hit_by_chance, precision_by_chance
from harness.protocol import Protocol
from harness.scoring import Finished, score
from harness.store import Value
from harness.types import NEW, Ranking
from harness.views import Asked, Outcomes, averaged


@dataclass(frozen=True, eq=False)
class Reference:
    """A row that no network made: its name, its answer to known-or-new, and its metrics (see ``scoring.score``)."""

    name: str
    openset: str
    value: Value


def references(protocol: Protocol, asked: Asked, scope: tuple[NDArray[np.str_], NDArray[np.str_]]) -> list[Reference]:
    """``chance``, and ``majority`` with the answers "never new" and "always new".

    Args:
        scope: the group of each query [q] and gallery image [g].
    """
    ranking = majority(asked, protocol.shortlist, *scope)
    rules = [("never-new", np.ones(len(asked.query), bool)), ("always-new", np.zeros(len(asked.query), bool))]
    rows = [Reference("majority", name, _decided(protocol, asked, ranking, known)) for name, known in rules]
    return [Reference("chance", "none", chance(protocol, asked)), *rows]


def chance(protocol: Protocol, asked: Asked) -> Value:
    """What a random order of all that a query sees gives on average, exactly; at image level (R-1 is the same at both).

    Queries of new individuals are treated as the protocol says; without an open-set rule ``answer`` is ``wrong``.
    """
    ks = protocol.ks if protocol.level == "image" else tuple(k for k in protocol.ks if k == 1)
    columns: Outcomes = {f"R-{k}": hit_by_chance(asked.candidates, asked.relevant, k) for k in ks}
    seen = asked.candidates, asked.relevant
    columns[f"mAP@{protocol.shortlist}"] = precision_by_chance(*seen, protocol.shortlist, protocol.shortlist)
    columns["MAP@R"] = precision_by_chance(*seen, asked.relevant, protocol.shortlist)
    missing = np.nan if protocol.unknown == "drop" else 0.0
    columns = {name: np.where(asked.query.known, values, missing) for name, values in columns.items()}
    metrics: dict[str, Estimate] = averaged(columns, asked.query, protocol.average)
    counts = {"n_dropped": int((~asked.query.known).sum()) if protocol.unknown == "drop" else 0}
    return Value({}, {"metrics": {name: found.as_dict() for name, found in metrics.items()}, "counts": counts})


def majority(asked: Asked, shortlist: int, query_scope: NDArray[np.str_], gallery_scope: NDArray[np.str_]) -> Ranking:
    """The images of the individuals with most gallery images first, the same list for every query of a scope."""
    width = min(shortlist, len(asked.gallery))
    order = np.full((len(asked.query), width), -1, np.int32)
    for scope in np.unique(query_scope):
        rows = np.flatnonzero(gallery_scope == scope)
        _, code, counts = np.unique(asked.gallery.identity[rows], return_inverse=True, return_counts=True)
        best = rows[np.lexsort((asked.gallery.image_id[rows], code, -counts[code]))][:width]
        order[query_scope == scope, : len(best)] = best
    scores = np.where(order >= 0, np.arange(width, 0, -1, dtype=np.float64), -np.inf)
    return Ranking(asked.query.image_id, asked.gallery.image_id, order, scores)


def _decided(protocol: Protocol, asked: Asked, ranking: Ranking, known: NDArray[np.bool_]) -> Value:
    first = np.append(asked.gallery.identity, NEW)[ranking.order[:, 0]]
    sure = known.astype(np.float64)
    decisions = Decisions(asked.query.image_id, np.where(known, first, NEW), sure, sure)
    return score(protocol, asked, Finished(ranking, ranking, decisions))
