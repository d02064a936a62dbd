"""The leaderboard as CSV: every metric of every row, with its n and interval."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from harness.leaderboard.tables import AXES, metric_names, ordered, training
from harness.record import RunRecord

FIELDS = ("value", "n", "low", "high")
HEAD = ("protocol", "protocol_hash", "dataset", "kind", *AXES, "contamination", "status", "reason")


def comma_separated(records: Iterable[RunRecord]) -> str:
    """All rows as CSV: value, n, low and high of each metric."""
    rows = ordered(records)
    names = metric_names(rows)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*HEAD, "training", *(f"{name} {field}" for name in names for field in FIELDS)])
    for record in rows:
        shown = [getattr(record, name) for name in HEAD]
        metrics = [record.metrics.get(name) for name in names]
        values = ("" if metric is None else getattr(metric, field) for metric in metrics for field in FIELDS)
        writer.writerow([*shown, training(record), *values])
    return out.getvalue()
