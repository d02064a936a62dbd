"""The matches of a ranking, drawn: a list of pairs, and each with its keypoints and lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.errors import HarnessError, StoreError
from harness.leaderboard import heading
from harness.record import RunRecord
from harness.replay import Gone, Replay
from harness.report.answers import Answers
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.drawn import drawn_pairs, kinds
from harness.report.pages.row import short
from harness.report.pair import CLASSES, DrawnPair, drawn
from harness.report.work import Work
from harness.types import PairScores

Line = dict[str, Any]


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write the pages of one chapter: a page for each ranking with a matcher, and a data file for each pair."""
    by_cell = {record.cell: record for record in chapter.rankings}
    for cell in pages.matches:
        record, replay = by_cell[cell], chapter.replay(by_cell[cell])
        assert replay is not None
        lines, lost = _found(work, pages, record, replay)
        crumbs = ((TITLE, HOME), (heading(chapter.first), pages.table), (short(record), pages.page("row", cell)))
        work.site.page(
            pages.page("matches", cell),
            "matches.html.jinja",
            "Matches",
            crumbs,
            lines=lines,
            lost=lost,
            queries=pages.page("queries", cell) if cell in pages.queries else "",
            rule=record.openset,
            guessed=replay.has("segment"),
        )


def _found(work: Work, pages: Contents, record: RunRecord, replay: Replay) -> tuple[list[Line], str]:
    """The lines of the list, and why there are no more of them; nothing where all are there."""
    lines: list[Line] = []
    try:
        for line in _lines(work, pages, record, replay):
            lines.append(line)  # noqa: PERF402 - what was found before a failure is kept
    except Gone as gone:
        return lines, f"The store no longer has {gone.args[0]}: run the grid again with this store."
    except StoreError:
        raise
    except Exception as error:  # a matcher may raise anything; the rest of the report is still made
        told = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
        return lines, f"The matches cannot be found again here: {told}"
    return lines, ""


def _lines(work: Work, pages: Contents, record: RunRecord, replay: Replay) -> Iterator[Line]:
    """A line of the list for each pair; its data file is written on the way."""
    answers, counted = Answers.of(replay), _counted(replay)
    kind = kinds(replay, answers)
    pairs = drawn_pairs(replay, answers, work.limits.pairs)
    work.progress.stage("matches")
    work.progress.start(len(pairs), "pairs")
    for pair in drawn(replay, pairs):
        before = int((replay.coarse.order[pair.query] == pair.gallery).nonzero()[0][0])
        line = _line(work, replay, pair) | {
            "path": f"{pages.folder}/data/pair-{record.cell}-{pair.query}-{pair.gallery}.js",
            "kind": str(kind[pair.query]),
            "places": (before + 1, int(answers.moved[pair.query, before]) + 1),
            "stored": _stored(counted, pair, before),
        }
        work.site.data(line["path"], _data(work, replay, pair, line["stored"]))
        work.progress.advance(1)
        yield line


def _line(work: Work, replay: Replay, pair: DrawnPair) -> Line:
    """What the list says of a pair, whatever the ranking says of it."""
    sides = ((replay.query, pair.query), (replay.gallery, pair.gallery))
    identities = [str(table.identity[row]) for table, row in sides]
    return {
        "name": f"{pair.query}-{pair.gallery}",
        "pair": pair,
        "ids": [str(table.image_id[row]) for table, row in sides],
        "identities": identities,
        "thumbnails": [work.photos.thumbnail(table, row) for table, row in sides],
        "right": identities[0] == identities[1],
    }


def _counted(replay: Replay) -> PairScores | None:
    """What the run counted; None where the store has lost it, which is no reason to draw nothing."""
    try:
        return replay.local
    except Gone:
        return None


def _stored(counted: PairScores | None, pair: DrawnPair, place: int) -> int | None:
    """How many matches the run counted, where it matched this pair."""
    if counted is None or (counted.matched is not None and not counted.matched[pair.query, place]):
        return None
    return int(counted.count[pair.query, place])


def _data(work: Work, replay: Replay, pair: DrawnPair, stored: int | None) -> dict[str, Any]:
    """What is drawn of a pair: coordinates in pixels of the photograph, to a tenth; of each match [keypoint of the
    query, keypoint of the gallery image, score, place of its class in :data:`CLASSES`], the strongest first."""
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
    columns = zip(pair.indices.tolist(), pair.scores.tolist(), pair.classes.tolist(), strict=True)
    matches = [[*ends, round(score, 3), CLASSES.index(name)] for ends, score, name in columns]
    matches.sort(key=lambda match: -match[2])
    told = {"checked": pair.checked, "masked": pair.on is not None, "words": pair.words, "stored": stored}
    return {"sides": sides, "matches": matches, **told}
