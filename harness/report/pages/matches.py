"""The matches of a ranking, drawn: a list of pairs, and each with its keypoints and lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harness.errors import HarnessError
from harness.leaderboard import heading
from harness.record import RunRecord
from harness.replay import Gone, Replay
from harness.report.answers import Answers
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.drawn import Pair, drawn_pairs
from harness.report.pages.row import title
from harness.report.pair import DrawnPair, drawn
from harness.report.work import Work

BATCH = 10
"""Pairs that are matched together: progress is told after each."""


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write the pages of one chapter: a page for each ranking with a matcher, and a data file for each pair."""
    by_cell = {record.cell: record for record in chapter.rankings}
    for cell in pages.matches:
        record, replay = by_cell[cell], chapter.replay(by_cell[cell])
        assert replay is not None
        lost, lines = "", list[dict[str, Any]]()
        try:
            lines = list(_lines(work, pages, record, replay))
        except Gone as gone:
            lost = f"The store no longer has {gone.args[0]}: run the grid again with this store."
        except HarnessError as error:
            lost = f"The matches cannot be found again here: {error}"
        crumbs = ((TITLE, HOME), (heading(chapter.first), pages.table), (title(record), pages.page("row", cell)))
        work.site.page(
            pages.page("matches", cell), "matches.html.jinja", "Matches", crumbs, lines=lines, lost=lost,
            queries=pages.page("queries", cell) if cell in pages.queries else "",
        )  # fmt: skip


def _lines(work: Work, pages: Contents, record: RunRecord, replay: Replay) -> Iterator[dict[str, Any]]:
    """A line of the list for each pair; its data file is written on the way."""
    answers = Answers.of(replay)
    pairs = drawn_pairs(replay, answers, work.limits.pairs)
    for pair in _matched(work, replay, pairs):
        path = f"{pages.folder}/data/pair-{record.cell}-{pair.query}-{pair.gallery}.js"
        work.site.data(path, _data(work, replay, pair))
        query, gallery = replay.query, replay.gallery
        yield {
            "name": f"{pair.query}-{pair.gallery}",
            "path": path,
            "query": pair.query,
            "ids": (str(query.image_id[pair.query]), str(gallery.image_id[pair.gallery])),
            "identities": (str(query.identity[pair.query]), str(gallery.identity[pair.gallery])),
            "thumbnails": (
                work.photos.thumbnail(query, pair.query),
                work.photos.thumbnail(gallery, pair.gallery),
            ),
            "right": bool(query.identity[pair.query] == gallery.identity[pair.gallery]),
            "kind": str(answers.kind[pair.query]),
            "pair": pair,
            "stored": _stored(replay, pair),
        }


def _matched(work: Work, replay: Replay, pairs: Sequence[Pair]) -> Iterator[DrawnPair]:
    work.progress.stage("matches")
    work.progress.start(len(pairs), "pairs")
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        yield from drawn(replay, batch)
        work.progress.advance(len(batch))


def _stored(replay: Replay, pair: DrawnPair) -> int | None:
    """How many matches the run counted, where it matched this pair."""
    places = (replay.coarse.order[pair.query] == pair.gallery).nonzero()[0]
    local = replay.local
    if local is None or not len(places) or (local.matched is not None and not local.matched[pair.query, places[0]]):
        return None
    return int(local.count[pair.query, places[0]])


def _data(work: Work, replay: Replay, pair: DrawnPair) -> dict[str, Any]:
    """What is drawn of a pair; coordinates in pixels of the photograph, to a tenth."""
    tables, rows = (replay.query, replay.gallery), (pair.query, pair.gallery)
    sides = [
        {
            "id": str(table.image_id[row]),
            "identity": str(table.identity[row]),
            "photo": work.photos.picture(table, row),
            "size": list(size),
            "points": [[round(float(x), 1), round(float(y), 1)] for x, y in points],
        }
        for table, row, size, points in zip(tables, rows, pair.sizes, pair.keypoints, strict=True)
    ]
    on = [None] * len(pair) if pair.on is None else pair.on.astype(int).tolist()
    scores = [round(score, 3) for score in pair.scores.tolist()]
    columns = zip(pair.indices.tolist(), scores, pair.inliers.astype(int).tolist(), on, strict=True)
    matches = [[*indices, *more] for indices, *more in columns]
    matches.sort(key=lambda match: -match[2])
    return {"sides": sides, "matches": matches, "checked": pair.checked, "words": pair.words}
