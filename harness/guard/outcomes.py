"""Rules of a row's outcomes: one for each query of its protocol, and R-k is what they give."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.guard.found import Finding, Folder, Row
from harness.metrics.ranking import answered_hits, within
from harness.record import Metric, RunRecord, unpack_flags, unpack_hits
from harness.results import Queries

TOLERANCE = 1e-9
"""How far a number may lie from another that is said to be the same: sums in another order, no more."""
AGAIN = "Run the cell again; nobody edits a row by hand."
RECALL = re.compile(r"R-(\d+)")


def outcomes(folder: Folder) -> Iterator[Finding]:
    """See the module."""
    for row in folder.rows:
        if row.record.status == "ok":
            yield from (Finding("outcomes", row.where, problem, AGAIN) for problem in _problems(row, folder))


def _problems(row: Row, folder: Folder) -> Iterator[str]:
    record, queries = row.record, folder.queries.get(row.record.protocol_hash)
    if not record.first_hits:
        # schema 1 had no outcomes, and the row of chance is an expectation over orders, which has none
        if record.schema_number > 1 and (record.kind, record.backbone) != ("reference", "chance"):
            yield "has no first_hits"
        return
    try:
        hits = unpack_hits(record.first_hits)
        said = unpack_flags(record.said_known) if record.said_known else None
    except DataError as error:
        yield error.problem
        return
    if queries is None:
        yield f"the queries of its protocol are not there: queries/*-{record.protocol_hash[:12]}-*.csv"
    elif len(hits) != len(queries) or (said is not None and len(said) != len(queries)):
        yield f"{len(hits)} outcomes{_also(said)}, and its protocol has {len(queries)} queries"
    else:
        yield from _wrong_ranks(record, hits)
        yield from _wrong_metrics(record, hits, said, queries)


def _also(said: NDArray[np.bool_] | None) -> str:
    return "" if said is None else f" and {len(said)} decisions"


def _wrong_ranks(record: RunRecord, hits: NDArray[np.int64]) -> Iterator[str]:
    most = record.protocol_fields.get("shortlist")
    if not isinstance(most, int):
        yield f"protocol_fields.shortlist is {most!r}, and no whole number"
    elif hits.size and (hits.min() < 0 or hits.max() > most):
        yield f"first_hits run from {hits.min()} to {hits.max()}, and the shortlist has {most} places"


def _wrong_metrics(
    record: RunRecord, hits: NDArray[np.int64], said: NDArray[np.bool_] | None, queries: Queries
) -> Iterator[str]:
    """R-k that the outcomes do not give; at identity level they say only whether the first image is right."""
    if "R-1" not in record.metrics:
        yield "has no R-1"
    for name, metric in record.metrics.items():
        k = RECALL.fullmatch(name)
        if k and (k[1] == "1" or record.protocol_fields.get("level", "image") == "image"):
            given = recall(record, hits, said, queries, int(k[1]))
            if given is not None and not _same(metric, given):
                yield f"{name} is {metric.value} of n {metric.n}, and first_hits give {given.value} of n {given.n}"


def recall(
    record: RunRecord, hits: NDArray[np.int64], said: NDArray[np.bool_] | None, queries: Queries, k: int
) -> Metric | None:
    """R-k under the row's own protocol, without an interval; None where the folder does not hold what it takes."""
    fields = record.protocol_fields
    unknown, average = fields.get("unknown", "drop"), fields.get("average", "query")
    if (unknown == "answer" and said is None and record.openset != "none") or (
        average == "dataset" and queries.dataset is None
    ):
        return None
    if unknown == "answer":
        hits = answered_hits(hits, queries.known, np.ones(len(hits), bool) if said is None else said)
    counted = queries.known if unknown == "drop" else np.ones(len(hits), bool)
    right = within(hits, k) * (queries.known | (unknown == "answer"))
    groups = {"identity": queries.identity, "dataset": queries.dataset}.get(str(average))
    return _mean(right[counted], None if groups is None else groups[counted])


def _mean(values: NDArray[np.float64], groups: NDArray[np.str_] | None) -> Metric:
    """The mean over all, or the mean of the means of groups [n]."""
    if not len(values):
        return Metric(value=None, n=0)
    if groups is None:
        return Metric(value=float(values.mean()), n=len(values))
    _, code, counts = np.unique(groups, return_inverse=True, return_counts=True)
    return Metric(value=float((np.bincount(code, values) / counts).mean()), n=len(values))


def _same(metric: Metric, given: Metric) -> bool:
    if metric.value is None or given.value is None:
        return metric.value == given.value and metric.n == given.n
    return metric.n == given.n and abs(metric.value - given.value) <= TOLERANCE
