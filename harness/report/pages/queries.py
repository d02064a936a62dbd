"""The queries of a ranking, one by one: the shortlist before and after re-ranking, and what the rules said."""

from __future__ import annotations

from typing import Any

from harness.leaderboard import heading
from harness.record import RunRecord
from harness.replay import Gone, Replay
from harness.report.answers import Answers
from harness.report.asked import asked_path, letters, outcome_path
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.drawn import drawn_pairs
from harness.report.listed import Listed
from harness.report.pages.row import short
from harness.report.work import Work

CHUNK = 100
"""Queries in a data file."""


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write the pages of one chapter: a page for each ranking that can be browsed, and data files beside it."""
    by_cell = {record.cell: record for record in chapter.rankings}
    crumbs = ((TITLE, HOME), (heading(chapter.first), pages.table))
    for cell in pages.queries:
        record, replay = by_cell[cell], chapter.replay(by_cell[cell])
        assert replay is not None
        lost, data = "", dict[str, Any]()
        try:
            data = _browsed(work, chapter, pages, record, replay)
        except Gone as gone:
            lost = f"The store no longer has {gone.args[0]}: run the grid again with this store."
        above = (*crumbs, (short(record), pages.page("row", cell)))
        work.site.page(pages.page("queries", cell), "queries.html.jinja", "Queries", above, data=data, lost=lost)


def _browsed(work: Work, chapter: Chapter, pages: Contents, record: RunRecord, replay: Replay) -> dict[str, Any]:
    """Write the data files of a ranking; gives what its page needs to find them."""
    answers = Answers.of(replay)
    drawn = drawn_pairs(replay, answers, work.limits.pairs) if record.cell in pages.matches else []
    listed = Listed(work.photos, work.limits.candidates, replay, answers, frozenset(drawn))
    stem = f"{pages.folder}/data/queries-{record.cell}"
    work.progress.stage("queries")
    work.photos.prepare(listed.photographs(), work.progress)
    for number, start in enumerate(range(0, len(replay.query), CHUNK)):
        work.site.data(f"{stem}-{number}.js", listed.chunk(range(start, min(start + CHUNK, len(replay.query)))))
    work.site.data(f"{stem}.js", {"before": answers.before.tolist(), "orientation": replay.query.orientation.tolist()})
    return {
        "asked": asked_path(pages),
        "outcome": outcome_path(pages, record.cell),
        "index": f"{stem}.js",
        "stem": stem,
        "chunk": CHUNK,
        "reranked": replay.has("fuse"),
        "rules": _rules(work, chapter, pages, record),
        "matches": pages.page("matches", record.cell) if drawn else "",
        "length": replay.final.order.shape[1],
    }


def _rules(work: Work, chapter: Chapter, pages: Contents, record: RunRecord) -> list[dict[str, str]]:
    """Each open-set rule with the file of what it said of each query."""
    told = []
    for rule in chapter.rules(record):
        replay = chapter.replay(rule)
        decisions = replay.decisions if replay else None
        if decisions is None:
            continue
        path = f"{pages.folder}/data/said-{rule.cell}.js"
        said = {"said": letters(decisions.identities != ""), "confidence": _short(decisions.confidence)}
        work.site.data(path, said)
        told.append({"label": rule.openset, "path": path, "cell": rule.cell})
    return told


def _short(values: Any) -> list[float]:
    """Numbers of five digits: enough to read, and a third of the bytes."""
    return [float(f"{value:.5g}") for value in values.tolist()]
