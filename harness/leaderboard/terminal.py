"""The leaderboard in a terminal of any width."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from harness.leaderboard.bars import Bar, scale
from harness.leaderboard.differences import Differences
from harness.leaderboard.tables import AXES, heading, metric_names, percent, policy, ranked, recipe, training
from harness.record import Metric, RunRecord

LESS_IS_BETTER = ("FPR95", "calibration error")
NO_CONTEST = ("tie rate",)
"""Metrics that are no merit: no best value is marked."""
Names = tuple[str, ...]
RANKING: Names = ("R-", "mAP@", "tie rate")
DECIDING: Names = ("AUROC", "FPR95", "BAKS", "BAUS", "BAKS-BAUS mean")
"""Beginnings of the metrics for a wide terminal; the files have all."""
WIDE = 120
BARRED = ("R-1", "AUROC", "BAKS-BAUS mean")
"""Metrics whose interval is drawn, and told, where there is room for it."""
ROOMY, VERY_ROOMY = 140, 180
"""Columns of a terminal that has room for the bars of one metric, and of two."""
ESSENTIAL: Names = ("R-1", "R-20", "AUROC")
ESSENTIAL_DECIDING: Names = ("AUROC", "BAKS-BAUS mean")


def terminal(
    first: RunRecord, group: Sequence[RunRecord], width: int = 200, tests: Differences | None = None
) -> list[Table]:
    """One protocol's tables for a terminal of that width: one row a ranking, and where several open-set rules decide on
    one ranking, a second table with a row for each decision.

    The best value of each column is bold, and with ``tests`` rows that are not significantly different from the best
    have a mark. Fusion, seed and training are shown where they differ between rows. A narrow terminal gets fewer
    metrics and no bars, so that the recipe stays readable: a row without its recipe says nothing.
    """
    title, caption = Text(heading(first), style="table.title"), Text(policy(first), style="table.caption")
    done = [record for record in group if record.status == "ok"]
    rankings, narrow = ranked(group), width < WIDE
    deciding = [row for row in done if "BAKS" in row.metrics]
    equal = _as_good(tests)
    if len(rankings) == len(done) or not deciding:
        metrics = ESSENTIAL if narrow else (*RANKING, *DECIDING)
        return [_table(title, caption, rankings, metrics, width >= VERY_ROOMY, equal)]
    deciding.sort(key=lambda row: -(row.metrics["BAKS-BAUS mean"].value or 0))
    known = Text("known or new", style="table.title")
    rules = ESSENTIAL_DECIDING if narrow else DECIDING
    return [
        _table(
            title, Text(""), rankings, ESSENTIAL if narrow else RANKING, width >= ROOMY, equal, without=("openset",)
        ),
        _table(known, caption, deciding, rules, width >= VERY_ROOMY),
    ]


def _as_good(tests: Differences | None) -> set[tuple[str, ...]]:
    """The recipes that are not significantly different from the best."""
    return {name for name, difference in tests.best.items() if not difference.finding} if tests else set()


def _table(
    title: Text,
    caption: Text,
    rows: Sequence[RunRecord],
    wanted: Names,
    barred: bool,
    equal: Collection[tuple[str, ...]] = (),
    without: Names = (),
) -> Table:
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    axes, told = _axes(rows, without), len({training(r) for r in rows if r.train}) > 1
    for axis in [*axes, *(["training"] if told else [])]:
        table.add_column("open set" if axis == "openset" else axis, overflow="fold", min_width=6)
    names = [name for name in metric_names(rows) if _begins(name, wanted)]
    drawn = [name for name in names if barred and name in BARRED]
    tops = {name: top for name in drawn if (top := scale([row.metrics.get(name) for row in rows]))}
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
        if name in tops:
            table.add_column(f"0 to {100 * tops[name]:.0f}", no_wrap=True)
    marked = any(row.contamination for row in rows)
    if marked:
        table.add_column("seen", overflow="fold")
    best = {name: _best(rows, name) for name in names}
    for row in rows:
        cells = [cell for name in names for cell in _cells(row, name, best[name], tops, recipe(row) in equal)]
        shown = [*(str(getattr(row, axis)) for axis in axes), *([training(row)] if told else [])]
        table.add_row(*map(Text, shown), *cells, *([Text(row.contamination)] if marked else []))
    if equal:
        table.caption = Text.assemble("≈ not significantly different from the best. ", caption)
    return table


def _axes(rows: Sequence[RunRecord], without: Names) -> list[str]:
    """The columns of the recipe."""
    varying = [a for a in AXES if a not in ("fusion", "seed") or len({getattr(r, a) for r in rows}) > 1]
    return [axis for axis in varying if axis not in without]


def _cells(
    row: RunRecord, name: str, best: float | None, tops: Mapping[str, float], equal: bool
) -> Iterator[Text | Bar]:
    """A metric, and its bar where the column has one."""
    metric = row.metrics.get(name)
    style = "bold" if _wins(metric, best) else ""
    mark = "≈ " if equal and name == "R-1" else ""
    yield Text(mark + percent(metric, interval=name == "R-1" or name in tops), style=style)
    if name in tops:
        yield Bar(metric, tops[name], style)


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
