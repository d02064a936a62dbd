"""The leaderboard: a pure function of records, one table for each protocol, never mixed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from harness.config import public
from harness.record import Metric, RunRecord
from harness.results import Results
from harness.stages.train import TrainSettings

AXES = ("backbone", "loss", "matcher", "fusion", "openset", "seed")
POLICIES = ("scope", "level", "unknown", "ties", "shortlist")
NO_CONTEST = ("tie rate",)
"""Metrics of which more is not better: no best value is marked."""
WIDE, ESSENTIAL = 120, ("R-1", "R-20", "AUROC")
STATUS_ORDER = {"ok": 0, "failed": 1, "skipped": 2}


def save(results: Results) -> list[RunRecord]:
    """Write ``leaderboard.md`` and ``.csv`` from the records there are, and return these; no records, no files."""
    records = results.read()
    if records:
        results.write("leaderboard.md", markdown(records))
        results.write("leaderboard.csv", comma_separated(records))
    return records


def rows(records: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """Rows for machines, best R-1 first within each protocol; cells that did not run stand last with their reason."""
    return [
        {
            "protocol": record.protocol,
            "protocol_hash": record.protocol_hash,
            "dataset": record.dataset,
            **{axis: getattr(record, axis) for axis in AXES},
            "training": training(record),
            "status": record.status,
            "reason": record.reason,
            "metrics": {name: metric.model_dump() for name, metric in record.metrics.items()},
            "counts": dict(record.counts),
            "seconds": dict(record.seconds),
            "cached": dict(record.cached),
            "grid": record.grid,
            "cell": record.cell,
            "git": record.git,
        }
        for record in _ordered(records)
    ]


def training(record: RunRecord) -> str:
    """How the backbone was trained: the settings that differ from their defaults, ``frozen`` where it was not."""
    if not record.train:
        return "frozen" if record.loss == "none" else ""
    defaults = public(TrainSettings())
    told = [f"{k}={v}" for k, v in record.train.items() if k == "epochs" or (k in defaults and v != defaults[k])]
    return ", ".join(told)


def tables(records: Iterable[RunRecord]) -> list[tuple[RunRecord, list[RunRecord]]]:
    """Records grouped by protocol hash: (one of them, for the heading, and all of them, ordered)."""
    groups: dict[str, list[RunRecord]] = {}
    for record in _ordered(records):
        groups.setdefault(record.protocol_hash, []).append(record)
    return [(group[0], group) for group in groups.values()]


def heading(record: RunRecord) -> str:
    """Title of a protocol's table."""
    return f"{record.protocol} on {record.dataset} (protocol {record.protocol_hash[:12]})"


def policy(record: RunRecord) -> str:
    """The named policies and the counts in one line, so that nobody has to guess a denominator."""
    f, c = {name: record.protocol_fields.get(name, "?") for name in POLICIES}, record.counts
    dropped = c.get("n_dropped", 0)
    return (
        f"gallery {f['scope']}, rank by {f['level']}, new queries in R-k: {f['unknown']}, ties: {f['ties']}, "
        f"shortlist {f['shortlist']}; n_known {c.get('n_known', 0)}, n_new {c.get('n_new', 0)}, n_dropped {dropped}, "
        f"gallery {c.get('n_gallery', 0)} images, train {c.get('n_train', 0)}, validation {c.get('n_validation', 0)}"
    )


def markdown(records: Iterable[RunRecord]) -> str:
    """All tables as Markdown."""
    note = "Values are per cent with 95 % intervals (bootstrap over identities)."
    parts = ["# Leaderboard", "", f"Made by `harness leaderboard` from `records/`. {note}", ""]
    for first, group in tables(records):
        names = metric_names(group)
        parts += [f"## {_escaped(heading(first))}", "", f"{_escaped(policy(first))}.", ""]
        header = ["backbone", "loss", "matcher", "fusion", "open set", "seed", "training", *names, "seconds"]
        parts += [_line(header), _line(["---"] * 7 + ["---:"] * (len(names) + 1))]
        done = [record for record in group if record.status == "ok"]
        parts += [_line([*_axes(r), training(r), *(_cell(r.metrics.get(n)) for n in names), _seconds(r)]) for r in done]
        others = [f"{r.status}: {' / '.join(_axes(r))}: {r.reason}" for r in group if r.status != "ok"]
        parts += ["", *(f"- {_escaped(text)}" for text in others), ""]
    return "\n".join(parts).rstrip() + "\n"


def comma_separated(records: Iterable[RunRecord]) -> str:
    """All rows as CSV: value, n, low and high of each metric."""
    ordered = list(_ordered(records))
    names = metric_names(ordered)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    fields = ("value", "n", "low", "high")
    head = ("protocol", "protocol_hash", "dataset", *AXES, "status", "reason")
    writer.writerow([*head, "training", *(f"{name} {field}" for name in names for field in fields)])
    for record in ordered:
        shown = [getattr(record, name) for name in head]
        metrics = [record.metrics.get(name) for name in names]
        writer.writerow(
            [*shown, training(record), *("" if m is None else getattr(m, field) for m in metrics for field in fields)]
        )
    return out.getvalue()


def terminal(first: RunRecord, group: Sequence[RunRecord], width: int = 200) -> Table:
    """One protocol's table for a terminal of that width, the best value of each column in bold.

    Fusion, seed and training are shown where they differ between rows. A narrow terminal gets fewer metrics, so that
    the recipe stays readable: a row without its recipe says nothing.
    """
    names = metric_names(group)
    if width < WIDE:
        names = [name for name in names if name in ESSENTIAL]
    title, caption = Text(heading(first), style="table.title"), Text(policy(first), style="table.caption")
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    axes = [a for a in AXES if a not in ("fusion", "seed") or len({getattr(r, a) for r in group}) > 1]
    for axis in axes:
        table.add_column("open set" if axis == "openset" else axis, overflow="fold", min_width=6)
    trainings = {training(r) for r in group if r.train}
    if len(trainings) > 1:
        table.add_column("training", overflow="fold", min_width=6)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    done = [record for record in group if record.status == "ok"]
    best = {name: _best(done, name) for name in names}
    for record in done:
        shown = [(name, record.metrics.get(name)) for name in names]
        cells = [Text(_cell(m, interval=n == "R-1"), style="bold" if _wins(m, best[n]) else "") for n, m in shown]
        told = [Text(training(record))] if len(trainings) > 1 else []
        table.add_row(*(Text(str(getattr(record, axis))) for axis in axes), *told, *cells)
    return table


def _wins(metric: Metric | None, best: float | None) -> bool:
    return metric is not None and metric.value is not None and metric.value == best


def _best(records: Iterable[RunRecord], name: str) -> float | None:
    values = [m.value for r in records if (m := r.metrics.get(name)) and m.value is not None]
    return max(values) if values and name not in NO_CONTEST else None


def metric_names(records: Iterable[RunRecord]) -> list[str]:
    """Names of all metrics, in order of first appearance."""
    return list(dict.fromkeys(name for record in records for name in record.metrics))


def _ordered(records: Iterable[RunRecord]) -> list[RunRecord]:
    def rank(record: RunRecord) -> tuple[Any, ...]:
        first = record.metrics.get("R-1")
        value = first.value if first and first.value is not None else -1.0
        place = (record.protocol, record.dataset, record.protocol_hash, STATUS_ORDER[record.status])
        return (*place, -value, *(str(getattr(record, axis)) for axis in AXES))

    return sorted(records, key=rank)


def _axes(record: RunRecord) -> list[str]:
    return [str(getattr(record, axis)) for axis in AXES]


def _cell(metric: Metric | None, interval: bool = True) -> str:
    if metric is None or metric.value is None:
        return "-"
    value = f"{100 * metric.value:.1f}"
    if not interval or metric.low is None or metric.high is None:
        return value
    return f"{value} ({100 * metric.low:.1f}-{100 * metric.high:.1f})"


def _seconds(record: RunRecord) -> str:
    return f"{sum(record.seconds.values()):.0f}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_escaped(text) for text in cells) + " |"


def _escaped(text: str) -> str:
    """Text that stays in its cell: no column ends, no HTML, no line breaks."""
    return " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def plain(text: str) -> str:
    """Square brackets are settings here, not rich markup."""
    return escape(text)
