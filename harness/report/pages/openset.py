"""Known or new: how a score tells them apart, and what becomes of it at every threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.answers import Decisions
from harness.leaderboard import heading
from harness.leaderboard.differences import comparable
from harness.leaderboard.tables import percent
from harness.metrics.intervals import Column
from harness.metrics.openset import NAMES
from harness.metrics.points import Points, reliability
from harness.metrics.ranking import first_hits
from harness.record import RunRecord
from harness.replay import Gone, Replay
from harness.report.asked import asked_path, outcome_path
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.pages.row import short
from harness.report.work import Work
from harness.table import ImageTable
from harness.types import NEW

BINS, MOST_POINTS = 40, 300
LESS = ("FPR95", "calibration error")
"""Metrics of which less is better."""


@dataclass(frozen=True, eq=False)
class Score:
    """What several rules may compare with a threshold: ``confidence`` float64 [q]; each rule with its answers."""

    name: str
    confidence: Column
    rules: list[tuple[RunRecord, Decisions]]


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write a page for each ranking of one chapter that a rule decides on."""
    by_cell = {record.cell: record for record in chapter.rankings}
    work.progress.stage("known or new")
    work.progress.start(len(pages.openset), "rankings")
    for cell in pages.openset:
        record, replay = by_cell[cell], chapter.replay(by_cell[cell])
        assert replay is not None
        lost, data = "", dict[str, Any]()
        try:
            data = _shown(work, chapter, pages, record, replay)
        except Gone as gone:
            lost = f"There is no threshold to move: {gone.args[0]}; run the grid again with this store."
        rules = chapter.rules(record)
        crumbs = ((TITLE, HOME), (heading(chapter.first), pages.table), (short(record), pages.page("row", cell)))
        work.site.page(
            pages.page("openset", cell), "openset.html.jinja", "Known or new", crumbs, data=data, lost=lost,
            rules=rules, names=NAMES, less=LESS, best={name: best(rules, name) for name in NAMES},
            movable={rule["cell"] for score in data.get("scores", []) for rule in score["rules"]},
            asked={"known": _size(replay.query, True), "new": _size(replay.query, False)},
        )  # fmt: skip
        work.progress.advance()


def scores(chapter: Chapter, record: RunRecord) -> list[Score]:
    """The scores of a ranking's rules, those of the best rule first; rules with equal confidences share one, and a rule
    of which the store no longer has the answers is left out."""
    found: list[Score] = []
    for rule in chapter.rules(record):
        decisions = _decisions(chapter, rule)
        if decisions is None:
            continue
        same = next((score for score in found if np.array_equal(score.confidence, decisions.confidence)), None)
        if same is None:
            same = Score(_name(rule), decisions.confidence, [])
            found.append(same)
        same.rules.append((rule, decisions))
    return found


def _decisions(chapter: Chapter, rule: RunRecord) -> Decisions | None:
    replay = chapter.replay(rule)
    try:
        return replay.decisions if replay else None
    except Gone:
        return None


def _name(rule: RunRecord) -> str:
    """What a rule compares: the score that it names, or the rule itself."""
    settings = rule.settings.get("openset", {})
    score = str(settings.get("score", ""))
    if score == "auto":
        score = "normalised-count" if rule.matcher != "none" else "cosine"
    own = f" ({rule.openset})" if settings.get("per") == "dataset" else ""
    return f"{score}{own}" if score else rule.openset


def _shown(work: Work, chapter: Chapter, pages: Contents, record: RunRecord, replay: Replay) -> dict[str, Any]:
    """Write a data file for each score; gives what the page needs to find them.

    Raises:
        Gone: what the page cannot do without is not there.
    """
    if not comparable(record, chapter.queries):
        raise Gone("the queries of this protocol were not kept")
    query = replay.query
    right = first_hits(replay.final, query.identity, replay.gallery.identity) == 1
    found = scores(chapter, record)
    if not found:
        raise Gone("the store no longer has what the rules said")
    told = []
    for number, (name, score) in enumerate(zip(_apart(found), found, strict=True)):
        path = f"{pages.folder}/data/score-{record.cell}-{number}.js"
        work.site.data(path, _drawn(score, query, right))
        first = score.rules[0][0]
        areas = {metric: percent(first.metrics.get(metric)) for metric in NAMES}
        rules = [
            {"cell": rule.cell, "label": rule.openset, "threshold": threshold(decisions)}
            for rule, decisions in score.rules
        ]
        told.append({"name": name, "path": path, "rules": rules, "areas": areas})
    return {
        "asked": asked_path(pages),
        "outcome": outcome_path(pages, record.cell),
        "queries": pages.page("queries", record.cell) if record.cell in pages.queries else "",
        "scores": told,
    }


def _apart(found: Sequence[Score]) -> list[str]:
    """The names of the scores; one that another has too is followed by its rule."""
    names = [score.name for score in found]
    return [
        f"{score.name} ({score.rules[0][0].openset})" if score.name in names[:place] else score.name
        for place, score in enumerate(found)
    ]


def _drawn(score: Score, query: ImageTable, right: NDArray[np.bool_]) -> dict[str, Any]:
    """What the page draws and counts of a score."""
    points = Points.of(score.confidence, right, query.identity, query.known).thinned(MOST_POINTS)
    stated, share, queries = reliability(score.rules[0][1].probability, query.known)
    return {
        "confidence": score.confidence.tolist(),
        "density": densities(score.confidence, query.known),
        "points": {name: _column(getattr(points, name)) for name in points.__dataclass_fields__},
        "reliability": {"stated": stated.tolist(), "known": share.tolist(), "queries": queries.tolist()},
    }


def threshold(decisions: Decisions) -> float | None:
    """The lowest confidence that a rule took for known; None where it took every query for new."""
    kept = decisions.confidence[decisions.identities != NEW]
    return float(kept.min()) if len(kept) else None


def densities(confidence: Column, known: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Histograms of known and new with one set of bins, each of area 1, for a chart."""
    edges = np.histogram_bin_edges(confidence, BINS)
    out = []
    for kind, side in (("known", known), ("new", ~known)):
        if side.any():
            heights, _ = np.histogram(confidence[side], edges, density=True)
            bins = zip(edges[:-1].tolist(), edges[1:].tolist(), heights.tolist(), strict=True)
            out += [{"kind": kind, "from": low, "to": high, "density": height} for low, high, height in bins if height]
    return out


def best(rules: Sequence[RunRecord], name: str) -> float | None:
    """The best value of a metric among the rules; None where they do not differ in it."""
    values = {
        metric.value for rule in rules if (metric := rule.metrics.get(name)) is not None and metric.value is not None
    }
    return (min if name in LESS else max)(values) if len(values) > 1 else None


def _size(query: ImageTable, known: bool) -> dict[str, int]:
    """How many queries and individuals of a kind are asked."""
    identity = query.identity[query.known == known]
    return {"queries": len(identity), "individuals": len(np.unique(identity))}


def _column(values: Column) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
