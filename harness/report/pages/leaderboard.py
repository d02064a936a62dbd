"""The leaderboard of a protocol: rankings, what re-ranking does, known or new, and what did not run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.leaderboard import heading, policy
from harness.leaderboard.differences import Difference, arms
from harness.leaderboard.tables import AXES, FIRST, metric_names, ranking_names, recipe, tested_as_shown, training
from harness.metrics.openset import NAMES as OPEN_SET
from harness.record import Metric, RunRecord
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.licences import licences, pieces
from harness.report.work import Work

DRAWN = (FIRST, "AUROC", "BAKS-BAUS mean")
"""Metrics whose interval is drawn."""
TITLES = {"openset": "open set"}


@dataclass(frozen=True)
class Line:
    """One row of a table. ``axes``: column -> text; ``metrics``: column -> value with interval; ``coarse``, ``best``:
    the tests against its own coarse ranking and the best row; ``verdict``: how it stands to the best row, in words."""

    record: RunRecord
    page: str
    axes: dict[str, str]
    metrics: dict[str, Metric | None]
    licences: dict[str, str]
    coarse: Difference | None = None
    best: Difference | None = None
    verdict: str = ""

    @property
    def seconds(self) -> float | None:
        """What all stages cost together when they were computed."""
        return round(sum(self.record.seconds.values()), 1) if self.record.seconds else None

    @property
    def device(self) -> str:
        """Where it was computed."""
        return self.record.environment.get("device", "") if self.record.kind == "cell" else ""


@dataclass(frozen=True)
class Board:
    """A table: its lines, which axes tell them apart and which are the same in all of them, and the highest value that
    is drawn, by metric."""

    lines: Sequence[Line]
    varying: Sequence[str]
    common: dict[str, str]
    names: Sequence[str]
    top: dict[str, float]

    def values(self, axis: str) -> list[str]:
        """The values of an axis, for a filter; nothing is no value."""
        return sorted({line.axes[axis] for line in self.lines} - {""})


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write the table of one chapter."""
    ranked = [_line(record, record.cell, chapter, pages) for record in chapter.rankings]
    decided = _decided(chapter, pages)
    title = heading(chapter.first)
    work.site.page(
        pages.table,
        "leaderboard.html.jinja",
        title,
        ((TITLE, HOME),),
        policy=policy(chapter.first),
        pages=pages,
        rankings=board(ranked, ranking_names(chapter.rankings)),
        decisions=board(decided, [name for name in metric_names(chapter.records) if name in OPEN_SET]),
        arms=arms(chapter.tests),
        tested=bool(chapter.tests.best or chapter.tests.coarse),
        untested=untested(chapter),
        others=[record for record in chapter.records if record.status != "ok"],
        drawn=DRAWN,
        titles=TITLES,
        first=FIRST,
        pieces=pieces,
    )


def board(lines: Sequence[Line], names: Sequence[str]) -> Board:
    """A table of these lines and metrics."""
    own = [line for line in lines if line.record.kind == "cell"] or lines
    axes = list(lines[0].axes) if lines else []
    varying = [axis for axis in axes if axis == "backbone" or len({line.axes[axis] for line in own}) > 1]
    common = {axis: own[0].axes[axis] for axis in axes if axis not in varying}
    top = {name: max([_most(line.metrics.get(name)) for line in lines], default=0.0) or 1.0 for name in names}
    return Board(lines, varying, common, names, top)


def untested(chapter: Chapter) -> str:
    """Why there are no paired tests, or what they are about where that is not the table's R-1; mostly empty."""
    if chapter.queries is None:
        return "No paired tests: the queries of this protocol were not kept; run a cell of it again."
    if not tested_as_shown(chapter.first):
        return "The paired tests are on R-1 of known queries, each counting alike: not the R-1 of this table."
    return ""


def _line(record: RunRecord, ranking: str, chapter: Chapter, pages: Contents, openset: bool = False) -> Line:
    axes = {axis: str(getattr(record, axis)) for axis in AXES if openset or axis != "openset"}
    axes["training"] = training(record)
    found, tests = chapter.tests, recipe(record)
    return Line(
        record,
        pages.page("row", ranking),
        axes,
        dict(record.metrics),
        licences(record, chapter.registry),
        found.coarse.get(tests),
        found.best.get(tests),
        _verdict(record, chapter),
    )


def _verdict(record: RunRecord, chapter: Chapter) -> str:
    found = chapter.tests.best
    if not found or record.kind == "reference":
        return ""
    difference = found.get(recipe(record))
    if difference is None:
        return "best" if record.cell == next(iter(found.values())).other.cell else ""
    return "worse" if difference.finding else "≈ best: not significantly different"


def _decided(chapter: Chapter, pages: Contents) -> list[Line]:
    """The rows with a known-or-new rule, the best mean of BAKS and BAUS first; none where nobody new was asked."""
    rows = [row for row in chapter.records if row.status == "ok" and "BAKS" in row.metrics]
    if not any(row.metrics["AUROC"].n for row in rows if "AUROC" in row.metrics):
        return []
    stands_for = {recipe(ranking): ranking.cell for ranking in chapter.rankings}
    rows.sort(key=lambda row: -_value(row.metrics.get("BAKS-BAUS mean")))
    return [_line(row, stands_for[recipe(row)], chapter, pages, openset=True) for row in rows]


def _value(metric: Metric | None) -> float:
    return metric.value if metric and metric.value is not None else -1.0


def _most(metric: Metric | None) -> float:
    bounds: list[Any] = [metric.value, metric.high] if metric else []
    return max([bound for bound in bounds if bound is not None], default=0.0)
