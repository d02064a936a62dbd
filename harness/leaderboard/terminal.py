"""The leaderboard in a terminal of any width."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from harness.leaderboard.bars import EQUAL, Bar, Signed, scale
from harness.leaderboard.differences import Differences
from harness.leaderboard.tables import (
    AXES,
    heading,
    metric_names,
    percent,
    policy,
    ranked,
    recipe,
    tested_as_shown,
    training,
)
from harness.record import Metric, RunRecord

LESS_IS_BETTER = ("FPR95", "calibration error")
NO_CONTEST = ("tie rate",)
"""Metrics that are no merit: no best value is marked."""
Names = tuple[str, ...]
RANKING: Names = ("R-", "mAP@", "tie rate")
DECIDING: Names = ("AUROC", "FPR95", "BAKS", "BAUS", "BAKS-BAUS mean")
"""Beginnings of the metrics for a wide terminal; the files have all."""
WIDE, JOINED = 120, 100
"""Columns of a terminal that has room for all metrics, and for a column for each axis of the recipe."""
BARRED = ("R-1", "AUROC", "BAKS-BAUS mean")
"""Metrics whose interval is drawn, and told, where there is room for it."""
ROOMY, VERY_ROOMY = 140, 180
"""Columns of a terminal that has room for the bars of one metric, and of two."""
ESSENTIAL: Names = ("R-1", "R-20", "AUROC")
ESSENTIAL_DECIDING: Names = ("AUROC", "BAKS-BAUS mean")


@dataclass(frozen=True)
class _Look:
    """What a table has room for: these metrics, their bars, and a column for each axis of the recipe or one for all."""

    metrics: Names
    barred: bool
    joined: bool


def terminal(
    first: RunRecord, group: Sequence[RunRecord], width: int = 200, tests: Differences | None = None
) -> list[Table]:
    """One protocol's tables for a terminal of that width: one row a ranking, and where several open-set rules decide on
    one ranking, a second table with a row for each decision.

    The best value of each column is bold, and with ``tests`` rows that are not significantly different from the best
    have a mark. Fusion, seed and training are shown where they differ between rows. A narrow terminal gets fewer
    metrics and no bars, and a very narrow one the recipe in one column, so that it stays readable: a row without its
    recipe says nothing.
    """
    title, caption = Text(heading(first), style="table.title"), Text(policy(first), style="table.caption")
    done = [record for record in group if record.status == "ok"]
    rankings, narrow, joined = ranked(group), width < WIDE, width < JOINED
    deciding = [row for row in done if "BAKS" in row.metrics]
    equal = _as_good(tests)
    note = _note(first) if equal else ""
    if len(rankings) == len(done) or not deciding:
        look = _Look(ESSENTIAL if narrow else (*RANKING, *DECIDING), width >= VERY_ROOMY, joined)
        return [_table(title, Signed.assemble(note, caption), rankings, look, equal)]
    deciding.sort(key=lambda row: -(row.metrics["BAKS-BAUS mean"].value or 0))
    ranking = _Look(ESSENTIAL if narrow else RANKING, width >= ROOMY, joined)
    decision = _Look(ESSENTIAL_DECIDING if narrow else DECIDING, width >= VERY_ROOMY, joined)
    return [
        _table(title, Signed(note), rankings, ranking, equal, without=("openset",)),
        _table(Text("known or new", style="table.title"), caption, deciding, decision),
    ]


def _as_good(tests: Differences | None) -> set[tuple[str, ...]]:
    """The recipes that are not significantly different from the best."""
    return {name for name, difference in tests.best.items() if not difference.finding} if tests else set()


def _note(first: RunRecord) -> str:
    """What the mark means; a table may show another R-1 than the one that is tested."""
    of = "" if tested_as_shown(first) else " in R-1 of known queries, each counting alike: not the R-1 of this table"
    return f"{EQUAL} not significantly different from the best{of}. "


def _table(
    title: Text,
    caption: Text,
    rows: Sequence[RunRecord],
    look: _Look,
    equal: Collection[tuple[str, ...]] = (),
    without: Names = (),
) -> Table:
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    recipes = [_shown(row, rows, without) for row in rows]
    for axis in ["recipe"] if look.joined else list(recipes[0]) if recipes else []:
        table.add_column(axis, overflow="fold", min_width=6)
    names = [name for name in metric_names(rows) if _begins(name, look.metrics)]
    drawn = [name for name in names if look.barred and name in BARRED]
    tops = {name: top for name in drawn if (top := scale([row.metrics.get(name) for row in rows]))}
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
        if name in tops:
            table.add_column(f"0 to {100 * tops[name]:.0f}", no_wrap=True)
    marked = any(row.contamination for row in rows)
    if marked:
        table.add_column("seen", overflow="fold")
    best = {name: _best(rows, name) for name in names}
    for row, told in zip(rows, recipes, strict=True):
        cells = [cell for name in names for cell in _cells(row, name, best[name], tops, recipe(row) in equal)]
        shown = [_joined(told)] if look.joined else list(told.values())
        table.add_row(*map(Text, shown), *cells, *([Text(row.contamination)] if marked else []))
    return table


def _shown(row: RunRecord, rows: Sequence[RunRecord], without: Names) -> dict[str, str]:
    """The recipe by column: fusion, seed and training only where they differ between rows."""
    told = {axis: str(getattr(row, axis)) for axis in AXES if axis not in without}
    for axis in ("fusion", "seed"):
        if len({getattr(other, axis) for other in rows}) == 1:
            del told[axis]
    if len({training(other) for other in rows if other.train}) > 1:
        told["training"] = training(row)
    return {"open set" if axis == "openset" else axis: value for axis, value in told.items()}


def _joined(told: Mapping[str, str]) -> str:
    """The recipe in one text, without what it does not have."""
    named = {axis: f"seed {value}" if axis == "seed" else value for axis, value in told.items()}
    return " / ".join(value for value in named.values() if value not in ("", "none"))


def _cells(
    row: RunRecord, name: str, best: float | None, tops: Mapping[str, float], equal: bool
) -> Iterator[Text | Bar]:
    """A metric, and its bar where the column has one."""
    metric = row.metrics.get(name)
    style = "bold" if _wins(metric, best) else ""
    mark = f"{EQUAL} " if equal and name == "R-1" else ""
    yield Signed(mark + percent(metric, interval=name == "R-1" or name in tops), style=style)
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
