"""The leaderboard: a pure function of records, one table for each protocol, never mixed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from harness.record import Metric, RunRecord

AXES = ("backbone", "loss", "matcher", "fusion", "openset", "seed")
STATUS_ORDER = {"ok": 0, "failed": 1, "skipped": 2}


def rows(records: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """Rows for machines, best R-1 first within each protocol; cells that did not run stand last with their reason."""
    return [
        {
            "protocol": record.protocol,
            "protocol_hash": record.protocol_hash,
            "dataset": record.dataset,
            **{axis: getattr(record, axis) for axis in AXES},
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
    f, c = record.protocol_fields, record.counts
    dropped = c.get("n_dropped", 0)
    return (
        f"gallery {f['scope']}, rank by {f['level']}, new queries in R-k: {f['unknown']}, ties: {f['ties']}, "
        f"shortlist {f['shortlist']}; n_known {c.get('n_known', 0)}, n_new {c.get('n_new', 0)}, n_dropped {dropped}, "
        f"gallery {c.get('n_gallery', 0)} images, train {c.get('n_train', 0)}, validation {c.get('n_validation', 0)}"
    )


def markdown(records: Iterable[RunRecord]) -> str:
    """All tables as Markdown."""
    parts = ["# Leaderboard", "", "Made by `harness leaderboard` from `records/`. Values are per cent with 95 % intervals "
             "(bootstrap over identities).", ""]  # fmt: skip
    for first, group in tables(records):
        names = metric_names(group)
        parts += [f"## {heading(first)}", "", f"{policy(first)}.", ""]
        header = ["backbone", "loss", "matcher", "fusion", "open set", "seed", *names, "seconds"]
        parts += [_line(header), _line(["---"] * 6 + ["---:"] * (len(names) + 1))]
        done = [record for record in group if record.status == "ok"]
        parts += [
            _line([*_axes(r), *(_cell(r.metrics.get(n), n) for n in names), f"{sum(r.seconds.values()):.0f}"])
            for r in done
        ]
        parts += ["", *(f"- {r.status}: {' / '.join(_axes(r))}: {r.reason}" for r in group if r.status != "ok"), ""]
    return "\n".join(parts).rstrip() + "\n"


def comma_separated(records: Iterable[RunRecord]) -> str:
    """All rows as CSV: value, n, low and high of each metric."""
    ordered = list(_ordered(records))
    names = metric_names(ordered)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    fields = ("value", "n", "low", "high")
    head = ("protocol", "protocol_hash", "dataset", *AXES, "status", "reason")
    writer.writerow([*head, *(f"{name} {field}" for name in names for field in fields)])
    for record in ordered:
        shown = [getattr(record, name) for name in head]
        metrics = [record.metrics.get(name) for name in names]
        writer.writerow([*shown, *("" if m is None else getattr(m, field) for m in metrics for field in fields)])
    return out.getvalue()


def terminal(first: RunRecord, group: Sequence[RunRecord]) -> Table:
    """One protocol's table for the terminal, the best value of each column in bold."""
    names = metric_names(group)
    table = Table(title=heading(first), caption=policy(first), title_justify="left", caption_justify="left")
    for axis in ("backbone", "loss", "matcher", "open set"):
        table.add_column(axis, overflow="fold")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    done = [record for record in group if record.status == "ok"]
    best = {
        n: max((m.value for r in done if (m := r.metrics.get(n)) and m.value is not None), default=None) for n in names
    }
    for record in done:
        cells = []
        for name in names:
            metric = record.metrics.get(name)
            text = _cell(metric, name, interval=name == "R-1")
            cells.append(
                f"[bold]{text}[/]" if metric and metric.value is not None and metric.value == best[name] else text
            )
        table.add_row(*(plain(text) for text in (record.backbone, record.loss, record.matcher, record.openset)), *cells)
    return table


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


def _cell(metric: Metric | None, name: str, interval: bool = True) -> str:
    if metric is None or metric.value is None:
        return "-"
    value = f"{100 * metric.value:.1f}"
    if not interval or metric.low is None or metric.high is None:
        return value
    return f"{value} ({100 * metric.low:.1f}-{100 * metric.high:.1f})"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|").replace("<", "&lt;") for text in cells) + " |"


def plain(text: str) -> str:
    """Square brackets are settings here, not rich markup."""
    return text.replace("[", "\\[")
