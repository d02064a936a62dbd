"""Views: the ranking metrics under each named policy, and on each part of the queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.answers import Decisions
from harness.metrics.intervals import Estimate, draw_means, mean_of_means, means
from harness.metrics.ranking import (
    Level,
    answered_hits,
    average_precision,
    first_hits,
    right_answers,
    within,
    within_at_random,
)
from harness.protocol import Protocol
from harness.table import ImageTable
from harness.types import NEW, Ranking

Unknown = Literal["drop", "wrong", "answer"]
Outcomes = dict[str, NDArray[np.float64]]
LEVELS: tuple[Level, ...] = ("image", "identity")
UNKNOWN: tuple[Unknown, ...] = ("drop", "wrong", "answer")
AVERAGES = ("query", "identity", "dataset")
PARTS = ("dataset", "species", "orientation")
PHOTOS = (1, 2, 4, 8, 16)
"""Lower ends of the classes of gallery photographs of the query's own individual."""


@dataclass(frozen=True, eq=False)
class Asked:
    """The queries of a protocol and the gallery that they are asked against.

    ``candidates`` and ``relevant``: gallery images that each query sees, and those of its own individual, int64 [q].
    ``leaked``: whether a copy or neighbour of the query stands in its gallery, bool [q].
    """

    query: ImageTable
    gallery: ImageTable
    candidates: NDArray[np.int64]
    relevant: NDArray[np.int64]
    leaked: NDArray[np.bool_]


def asked(
    query: ImageTable,
    gallery: ImageTable,
    scopes: tuple[NDArray[np.str_], NDArray[np.str_]],
    leaked: NDArray[np.bool_],
) -> Asked:
    """Count what each query sees; ``scopes`` are the groups of queries [q] and gallery images [g]."""
    seen, everywhere = _count(scopes[1].tolist(), scopes[0].tolist()), _places(gallery, scopes[1])
    return Asked(query, gallery, seen, _count(everywhere, _places(query, scopes[0])), leaked)


def _places(table: ImageTable, scope: NDArray[np.str_]) -> list[tuple[str, str]]:
    return list(zip(scope.tolist(), table.identity.tolist(), strict=True))


def _count(things: Sequence[Any], wanted: Sequence[Any]) -> NDArray[np.int64]:
    from collections import Counter

    counts = Counter(things)
    return np.array([counts[thing] for thing in wanted], np.int64)


@dataclass(frozen=True)
class Policy:
    """What a rank counts, what becomes of queries of new individuals, and how ties are broken."""

    level: Level
    unknown: Unknown
    ties_at_random: bool = False


def outcomes(
    protocol: Protocol,
    asked: Asked,
    ranking: Ranking,
    decisions: Decisions | None,
    policy: Policy,
    image_level: bool = True,
) -> Outcomes:
    """One number a query for R-k, mAP@B (B the shortlist's length) and MAP@R; NaN where a query does not count.

    Average precision knows no answer NEW: under the policy ``answer`` it is that of known queries. It is left out with
    ties at random, and where only individuals were ranked (``image_level`` False), of which R-k by image has a meaning
    for k = 1 alone.
    """
    ks = [k for k in protocol.ks if k == 1 or image_level or policy.level == "identity"]
    identity = asked.query.identity, asked.gallery.identity
    right = right_answers(ranking, *identity)
    if policy.ties_at_random:
        columns = {f"R-{k}": within_at_random(right, ranking.scores, k) for k in ks}
    else:
        hits = first_hits(ranking, *identity, policy.level)
        if policy.unknown == "answer":
            said = decisions.identities != NEW if decisions else np.ones(len(hits), bool)
            hits = answered_hits(hits, asked.query.known, said)
        columns = {f"R-{k}": within(hits, k) for k in ks}
        if image_level:
            columns[f"mAP@{protocol.shortlist}"] = average_precision(right, asked.relevant, protocol.shortlist)
            columns["MAP@R"] = average_precision(right, asked.relevant, asked.relevant)
    return {name: _counted(name, values, asked.query.known, policy) for name, values in columns.items()}


def _counted(name: str, values: NDArray[np.float64], known: NDArray[np.bool_], policy: Policy) -> NDArray[np.float64]:
    if policy.unknown == "drop" or (policy.unknown == "answer" and not name.startswith("R-")):
        return np.where(known, values, np.nan)
    return values if policy.unknown == "answer" else np.where(known, values, 0.0)


def averaged(columns: Outcomes, query: ImageTable, average: str) -> dict[str, Estimate]:
    """Means with intervals: every query, every identity, or every data set counts alike."""
    if average != "dataset":
        return means(columns, query.identity, "identity" if average == "identity" else "query")
    parts = []
    for number, name in enumerate(np.unique(query.dataset)):
        rows = query.dataset == name
        part = {column: values[rows] for column, values in columns.items()}
        parts.append(draw_means(part, query.identity[rows], seed=number))
    return {name: mean_of_means([found for part in parts if (found := part[name])]) for name in columns}


def views(
    protocol: Protocol,
    asked: Asked,
    ranking: Ranking,
    decisions: Decisions | None,
    own: Outcomes,
    image_level: bool = True,
) -> dict[str, dict[str, Estimate]]:
    """Name of the view -> the ranking metrics in it; a view that must show the same as the primary metrics is left out.

    ``level=``, ``unknown=``, ``ties=random``, ``average=``: one policy is another. ``leak=none`` and ``leak=some``,
    ``dataset=``, ``species=``, ``orientation=``, ``gallery photos=``: some of the queries; ``leak=none in`` a data set.
    """
    query, base = asked.query, Policy(protocol.level, protocol.unknown)
    out = {}
    for name, policy in _policies(base, image_level, bool((~query.known).any()), decisions is not None):
        columns = outcomes(protocol, asked, ranking, decisions, policy, image_level)
        out[name] = averaged(columns, query, protocol.average)
    for average in AVERAGES:
        if average != protocol.average and (average != "dataset" or len(np.unique(query.dataset)) > 1):
            out[f"average={average}"] = averaged(own, query, average)
    for name, rows in _parts(asked):
        part = {column: values[rows] for column, values in own.items()}
        out[name] = averaged(part, query.select(rows), protocol.average)
    return out


def _policies(base: Policy, image_level: bool, new: bool, decided: bool) -> Iterator[tuple[str, Policy]]:
    for level in LEVELS:
        if level != base.level and (image_level or level == "identity"):
            yield f"level={level}", replace(base, level=level)
    for unknown in UNKNOWN:
        if new and unknown != base.unknown and (decided or unknown != "answer"):
            yield f"unknown={unknown}", replace(base, unknown=unknown)
    if base.level == "image" and base.unknown != "answer":
        yield "ties=random", replace(base, ties_at_random=True)


def _parts(asked: Asked) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Parts of the queries, where there is more than one."""
    kinds: Mapping[str, NDArray[np.str_]] = {
        "leak": np.where(asked.leaked, "some", "none"),
        **{name: getattr(asked.query, name) for name in PARTS},
        "gallery photos": _classes(asked.relevant),
    }
    for kind, values in kinds.items():
        names = np.unique(values)
        if len(names) > 1:
            yield from ((f"{kind}={name or 'not given'}", values == name) for name in names.tolist())
    datasets = np.unique(asked.query.dataset[asked.leaked])
    if len(np.unique(asked.query.dataset)) > 1:  # where leaks are, what is left of the data set without them
        own = {name: asked.query.dataset == name for name in datasets.tolist()}
        yield from ((f"leak=none in {name}", rows & ~asked.leaked) for name, rows in own.items())


def _classes(relevant: NDArray[np.int64]) -> NDArray[np.str_]:
    """The class of each number of gallery photographs: ``0``, ``1``, ``2-3``, ... ``16+``."""
    ends = [f"{low}-{high - 1}" if high - low > 1 else f"{low}" for low, high in pairwise(PHOTOS)]
    names = np.array(["0", *ends, f"{PHOTOS[-1]}+"])
    return names[np.searchsorted(PHOTOS, relevant, side="right")]
