"""What stands in which table and in which order: records grouped by protocol, told apart by recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from harness.config import public
from harness.metrics.openset import NAMES as OPEN_SET
from harness.record import Metric, RunRecord
from harness.stages.train import TrainSettings

AXES = ("backbone", "loss", "matcher", "fusion", "openset", "seed")
RECIPE = ("backbone", "loss", "matcher", "fusion")
"""The axes that make a ranking; an open-set rule only decides on it."""
POLICIES = ("scope", "level", "average", "unknown", "ties", "shortlist", "leaks")
STATUS_ORDER = {"ok": 0, "failed": 1, "skipped": 2}
FIRST = "R-1"


def rows(records: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """Rows for machines, best R-1 first within each protocol; cells that did not run stand last with their reason."""
    return [
        {
            "protocol": record.protocol,
            "protocol_hash": record.protocol_hash,
            "dataset": record.dataset,
            "kind": record.kind,
            **{axis: getattr(record, axis) for axis in AXES},
            "training": training(record),
            "contamination": record.contamination,
            "status": record.status,
            "reason": record.reason,
            "metrics": {name: metric.model_dump() for name, metric in record.metrics.items()},
            "views": {view: {n: m.model_dump() for n, m in found.items()} for view, found in record.views.items()},
            "counts": dict(record.counts),
            "seconds": dict(record.seconds),
            "cached": dict(record.cached),
            "grid": record.grid,
            "cell": record.cell,
            "git": record.git,
        }
        for record in ordered(records)
    ]


def training(record: RunRecord) -> str:
    """How the backbone was trained: the settings that differ from their defaults, ``frozen`` where it was not."""
    if not record.train:
        return "frozen" if record.loss == "none" and record.kind == "cell" else ""
    defaults = public(TrainSettings())
    told = [f"{k}={v}" for k, v in record.train.items() if k == "epochs" or (k in defaults and v != defaults[k])]
    return ", ".join(told)


def tables(records: Iterable[RunRecord]) -> list[tuple[RunRecord, list[RunRecord]]]:
    """Records grouped by protocol hash: (one of them, for the heading, and all of them, ordered)."""
    groups: dict[str, list[RunRecord]] = {}
    for record in ordered(records):
        groups.setdefault(record.protocol_hash, []).append(record)
    return [(group[0], group) for group in groups.values()]


def heading(record: RunRecord) -> str:
    """Title of a protocol's table."""
    return f"{record.protocol} on {record.dataset} (protocol {record.protocol_hash[:12]})"


def policy(record: RunRecord) -> str:
    """The named policies and the counts in one line, so that nobody has to guess a denominator."""
    f, c = {name: record.protocol_fields.get(name, "?") for name in POLICIES}, record.counts
    leaks = ", ".join(f["leaks"]) or "not looked for" if isinstance(f["leaks"], (list, tuple)) else f["leaks"]
    return (
        f"gallery {f['scope']}, rank by {f['level']}, averaged by {f['average']}, new queries in R-k: {f['unknown']}, "
        f"ties: {f['ties']}, shortlist {f['shortlist']}; n_known {c.get('n_known', 0)}, n_new {c.get('n_new', 0)}, "
        f"n_dropped {c.get('n_dropped', 0)}, n_leaked {c.get('n_leaked', 0)} ({leaks}), gallery "
        f"{c.get('n_gallery', 0)} images, train {c.get('n_train', 0)}, validation {c.get('n_validation', 0)}"
    )


def why_apart(first: RunRecord, other: RunRecord) -> str:
    """Why rows of two protocols of one title stand in two tables: the fields that differ, or the data."""
    ours, theirs = first.protocol_fields, other.protocol_fields
    names = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
    told = [f"{name} is {theirs.get(name, 'not given')} there and {ours.get(name, 'not given')} here" for name in names]
    return "; ".join(told) or "the images, their roles, or the definition of the metrics differ"


def apart(groups: Sequence[tuple[RunRecord, list[RunRecord]]]) -> Iterator[tuple[RunRecord, RunRecord]]:
    """(record of a table, record of an earlier one) where both have one title and data set, and are not comparable."""
    for place, (first, _) in enumerate(groups):
        for earlier, _ in groups[:place]:
            if (earlier.protocol, earlier.dataset) == (first.protocol, first.dataset):
                yield first, earlier


def recipe(record: RunRecord) -> tuple[str, ...]:
    """What makes the ranking of a row: equal for rows that differ in their open-set rule only, unless the rule's answer
    is part of the ranking metrics."""
    axes = (*RECIPE, "openset") if answers(record) else RECIPE
    return (record.kind, *(getattr(record, axis) for axis in axes), training(record), str(record.seed))


def answers(record: RunRecord) -> bool:
    """Whether NEW is an answer in R-k, so that a row's R-k hangs on its open-set rule."""
    return record.protocol_fields.get("unknown") == "answer"


def tested_as_shown(record: RunRecord) -> bool:
    """Whether the R-1 of the table is that of the paired tests: of known queries, each counting alike."""
    fields = record.protocol_fields
    return (fields.get("average", "query"), fields.get("unknown", "drop")) == ("query", "drop")


def ranked(group: Iterable[RunRecord]) -> list[RunRecord]:
    """One row for each ranking that there is, the best first."""
    found: dict[tuple[str, ...], RunRecord] = {}
    for record in ordered(group):
        if record.status == "ok":
            found.setdefault(recipe(record), record)
    return list(found.values())


def metric_names(records: Iterable[RunRecord]) -> list[str]:
    """Names of all metrics, in order of first appearance."""
    return list(dict.fromkeys(name for record in records for name in record.metrics))


def ranking_names(records: Iterable[RunRecord]) -> list[str]:
    """Names of the metrics that an open-set rule does not change."""
    return [name for name in metric_names(records) if name not in OPEN_SET]


def ordered(records: Iterable[RunRecord]) -> list[RunRecord]:
    """By protocol, then best R-1 first; what did not run comes last."""

    def rank(record: RunRecord) -> tuple[Any, ...]:
        place = (record.protocol, record.dataset, record.protocol_hash, STATUS_ORDER[record.status])
        return (*place, -_value(record.metrics.get(FIRST)), *(str(getattr(record, axis)) for axis in AXES), record.cell)

    return sorted(records, key=rank)


def _value(metric: Metric | None) -> float:
    return metric.value if metric and metric.value is not None else -1.0


def percent(metric: Metric | None, interval: bool = True) -> str:
    """A metric in per cent, with its interval; a dash for nothing."""
    if metric is None or metric.value is None:
        return "-"
    value = f"{100 * metric.value:.1f}"
    if not interval or metric.low is None or metric.high is None:
        return value
    return f"{value} ({100 * metric.low:.1f}-{100 * metric.high:.1f})"
