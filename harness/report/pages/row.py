"""The page of a ranking: what it is, what it is worth, of which parts, what it cost, and how to run it again."""

from __future__ import annotations

import re
import shlex
from typing import Any

from harness.leaderboard import heading, policy
from harness.leaderboard.tables import AXES, FIRST, training
from harness.metrics.intervals import Estimate
from harness.metrics.openset import NAMES as OPEN_SET
from harness.record import Metric, RunRecord
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.site import plain
from harness.report.work import Work

PARTS = ("dataset", "species", "orientation", "gallery photos", "leak")
POLICIES = ("level", "unknown", "ties", "average")
TITLES = {"dataset": "data set", "gallery photos": "photographs of the individual in the gallery", "leak": "leaks"}


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write a page for each ranking of one chapter."""
    crumbs = ((TITLE, HOME), (heading(chapter.first), pages.table))
    for record in chapter.rankings:
        work.site.page(
            pages.page("row", record.cell),
            "row.html.jinja",
            title(record),
            crumbs,
            record=record,
            pages=pages,
            policy=policy(record),
            links=[link for link in pages.links(record.cell) if link[0] != "Row"],
            lacking=pages.lacking.get(record.cell, "") if record.kind == "cell" else "",
            curve=[*curve(record, "this row"), *_beside(record, chapter)],
            others={name: m for name, m in record.metrics.items() if not _is_rank(name) and name not in OPEN_SET},
            breakdown={TITLES.get(kind, kind): found for kind in PARTS if (found := part(record, kind))},
            policies=[row for kind in POLICIES for row in part(record, kind)],
            loss=history(record, "loss"),
            validation=history(record, "validation_r1", 100),
            stages=stages(record),
            rules=chapter.rules(record),
            openset=OPEN_SET,
            training=training(record),
            settings={axis: plain(found) for axis, found in {**record.settings, "training": record.train}.items()},
            protocol=plain(record.protocol_fields),
            plugins={axis: plain(found) for axis, found in record.plugins.items()},
            again=again(record),
        )


def title(record: RunRecord) -> str:
    """The recipe in words."""
    axes = (record.backbone, record.loss, record.matcher, record.fusion)
    return " / ".join([*(axis for axis in axes if axis != "none"), *([f"seed {record.seed}"] if record.seed else [])])


def short(record: RunRecord) -> str:
    """The recipe by the names of its plugins alone, for the way back to its page."""
    return re.sub(r"\[[^/]*\]", "", title(record))


def curve(record: RunRecord, name: str) -> list[dict[str, Any]]:
    """R-k over k, in per cent, for a chart."""
    found = {int(n[2:]): m for n, m in record.metrics.items() if _is_rank(n)}
    return [
        {"name": name, "k": k, **percents(metric)} for k, metric in sorted(found.items()) if metric.value is not None
    ]


def percents(metric: Metric | Estimate) -> dict[str, float | None]:
    """Value and interval in per cent; the value itself where there is no interval."""
    bounds = {"value": metric.value, "low": metric.low, "high": metric.high}
    whole = {name: metric.value if bound is None else bound for name, bound in bounds.items()}
    return {name: None if bound is None else round(100 * bound, 4) for name, bound in whole.items()}


def part(record: RunRecord, kind: str) -> list[dict[str, Any]]:
    """R-1 of each part of the queries, or under each policy, of one kind; for a chart and its table."""
    found = {view: metrics[FIRST] for view, metrics in record.views.items() if view.partition("=")[0] == kind}
    named = [(view.partition("=")[2] if kind in PARTS else view, metric) for view, metric in found.items()]
    return [{"part": name, "n": m.n, **percents(m)} for name, m in named if m.value is not None]


def history(record: RunRecord, name: str, scale: float = 1.0) -> list[dict[str, Any]]:
    """One number of each epoch, for a chart."""
    told = [(epoch.get("epoch", number), epoch.get(name)) for number, epoch in enumerate(record.history, 1)]
    return [{"epoch": int(epoch), "value": scale * value} for epoch, value in told if value is not None]


def stages(record: RunRecord) -> list[dict[str, Any]]:
    """What each stage cost when it was computed, and whether this run found it in the store; for a chart."""
    found = {True: "found in the store", False: "computed in this run"}
    return [
        {"stage": name, "seconds": seconds, "source": found[record.cached.get(name, False)]}
        for name, seconds in record.seconds.items()
    ]


def again(record: RunRecord) -> str:
    """A command that runs the row again, for a shell; empty where no grid made it."""
    if record.kind != "cell":
        return ""
    axes = {axis: getattr(record, axis) for axis in AXES}
    if record.grid == "cell":
        words = ["--dataset", record.dataset, "--protocol", record.protocol.partition("+")[0]]
        words += [word for axis, value in axes.items() for word in (f"--{axis}", str(value))]
        words += [word for text in training(record).split(", ") if "=" in text for word in ("--set", f"train.{text}")]
    else:
        words = ["--grid", record.grid]
        words += [word for axis, value in axes.items() for word in ("--only", f"{axis}={value}")]
    return " ".join(map(shlex.quote, ["harness", "run", *words]))


def _beside(record: RunRecord, chapter: Chapter) -> list[dict[str, Any]]:
    """The curves of its own coarse ranking and of chance."""
    difference = next((d for d in chapter.tests.coarse.values() if d.row.cell == record.cell), None)
    beside = curve(difference.other, "without re-ranking") if difference else []
    chance = next((r for r in chapter.rankings if r.kind == "reference" and r.backbone == "chance"), None)
    return [*beside, *(curve(chance, "chance") if chance and chance.cell != record.cell else [])]


def _is_rank(name: str) -> bool:
    return name.startswith("R-") and name[2:].isdigit()
