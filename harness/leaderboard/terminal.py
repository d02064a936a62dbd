"""The leaderboard in a terminal of any width."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from harness.leaderboard.tables import AXES, heading, metric_names, percent, policy, ranked, training
from harness.record import Metric, RunRecord

LESS_IS_BETTER = ("FPR95", "calibration error")
NO_CONTEST = ("tie rate",)
"""Metrics that are no merit: no best value is marked."""
Names = tuple[str, ...]
RANKING: Names = ("R-", "mAP@", "tie rate")
DECIDING: Names = ("AUROC", "FPR95", "BAKS", "BAUS", "BAKS-BAUS mean")
"""Beginnings of the metrics for a wide terminal; the files have all."""
WIDE = 120
ESSENTIAL: Names = ("R-1", "R-20", "AUROC")
ESSENTIAL_DECIDING: Names = ("AUROC", "BAKS-BAUS mean")


def terminal(first: RunRecord, group: Sequence[RunRecord], width: int = 200) -> list[Table]:
    """One protocol's tables for a terminal of that width: one row a ranking, and where several open-set rules decide on
    one ranking, a second table with a row for each decision.

    The best value of each column is bold. Fusion, seed and training are shown where they differ between rows. A narrow
    terminal gets fewer metrics, so that the recipe stays readable: a row without its recipe says nothing.
    """
    title, caption = Text(heading(first), style="table.title"), Text(policy(first), style="table.caption")
    done = [record for record in group if record.status == "ok"]
    rankings, narrow = ranked(group), width < WIDE
    deciding = [row for row in done if "BAKS" in row.metrics]
    if len(rankings) == len(done) or not deciding:
        return [_table(title, caption, rankings, ESSENTIAL if narrow else (*RANKING, *DECIDING))]
    deciding.sort(key=lambda row: -(row.metrics["BAKS-BAUS mean"].value or 0))
    return [
        _table(title, Text(""), rankings, ESSENTIAL if narrow else RANKING, without=("openset",)),
        _table(
            Text("known or new", style="table.title"), caption, deciding, ESSENTIAL_DECIDING if narrow else DECIDING
        ),
    ]


def _table(title: Text, caption: Text, rows: Sequence[RunRecord], wanted: Names, without: Names = ()) -> Table:
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    varying = [a for a in AXES if a not in ("fusion", "seed") or len({getattr(r, a) for r in rows}) > 1]
    axes = [axis for axis in varying if axis not in without]
    for axis in axes:
        table.add_column("open set" if axis == "openset" else axis, overflow="fold", min_width=6)
    told = len({training(r) for r in rows if r.train}) > 1
    if told:
        table.add_column("training", overflow="fold", min_width=6)
    names = [name for name in metric_names(rows) if _begins(name, wanted)]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    marked = any(row.contamination for row in rows)
    if marked:
        table.add_column("seen", overflow="fold")
    best = {name: _best(rows, name) for name in names}
    for row in rows:
        shown = [(name, row.metrics.get(name)) for name in names]
        cells = [Text(percent(m, interval=n == "R-1"), style="bold" if _wins(m, best[n]) else "") for n, m in shown]
        recipe = [*(str(getattr(row, axis)) for axis in axes), *([training(row)] if told else [])]
        table.add_row(*map(Text, recipe), *cells, *([Text(row.contamination)] if marked else []))
    return table


def _begins(name: str, wanted: Names) -> bool:
    """``R-1`` asks for itself alone, ``R-`` for every k."""
    return any(name.startswith(part) if part.endswith(("-", "@")) else name == part for part in wanted)


def _wins(metric: Metric | None, best: float | None) -> bool:
    return metric is not None and metric.value is not None and metric.value == best


def _best(records: Iterable[RunRecord], name: str) -> float | None:
    values = [m.value for r in records if r.kind != "reference" and (m := r.metrics.get(name)) and m.value is not None]
    if not values or name in NO_CONTEST:
        return None
    return min(values) if name in LESS_IS_BETTER else max(values)


def plain(text: str) -> str:
    """Square brackets are settings here, not rich markup."""
    return escape(text)
