"""The audits of a protocol: leaks with the pairs shown, what systems look at, and what weights have seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.audit.background import Answer, Background
from harness.audit.kept import kept
from harness.audit.leaks import LeakPair, Leaks, find_leaks
from harness.audit.report import audit, split
from harness.errors import DataError
from harness.leaderboard import heading
from harness.leaderboard.tables import FIRST
from harness.protocol import Data
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.pages.row import percents, title
from harness.report.work import Work

SHOWN, ROWS = 60, 10
"""Most pairs of leaks that are shown, and most rows whose R-1 without leaks is told."""
KINDS = ("bytes", "pixels", "near", "group")
"""Kinds of leaks that a report looks for anew; ``photograph`` takes minutes, and the records have its count."""


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write the page of one chapter."""
    backgrounds, damaged = list[Background](), ""
    try:
        backgrounds = kept(chapter.results, chapter.first.protocol_hash)
    except DataError as error:
        damaged = str(error)
    work.site.page(
        pages.audits,
        "audits.html.jinja",
        "Audits",
        ((TITLE, HOME), (heading(chapter.first), pages.table)),
        leaks=_leaks(work, chapter.data) if chapter.data else None,
        counts=chapter.first.counts,
        fields=chapter.first.protocol_fields,
        lacking=chapter.lacking,
        rows=_without(chapter, pages),
        backgrounds=[{"audit": found, "rows": versions(found)} for found in backgrounds],
        damaged=damaged,
        dataset=chapter.first.dataset,
        seen=_seen(chapter),
    )


def _leaks(work: Work, data: Data) -> dict[str, Any]:
    query, gallery = split(data)
    found = find_leaks(query, gallery, data.scope(query), data.scope(gallery), KINDS, data.protocol.near_bits)
    told = audit(data, found)
    pairs = shown(found)
    return {
        "audit": told,
        "total": len(found.pairs),
        "pairs": [
            {
                "kind": pair.kind,
                "distance": pair.distance,
                "sides": [_side(work, table, row) for table, row in ((query, pair.query), (gallery, pair.gallery))],
                "torn": bool(query.identity[pair.query] != gallery.identity[pair.gallery]),
            }
            for pair in pairs
        ],
    }


def shown(found: Leaks) -> list[LeakPair]:
    """The pairs that are shown, the strongest kinds first; no more of a kind than its part, while others have more."""
    kinds = [[pair for pair in found.pairs if pair.kind == kind] for kind in KINDS]
    part = SHOWN // len(KINDS)
    first = [pair for pairs in kinds for pair in pairs[:part]]
    more = [pair for pairs in kinds for pair in pairs[part:]]
    return [*first, *more][:SHOWN]


def _side(work: Work, table: Any, row: int) -> dict[str, str]:
    return {
        "id": str(table.image_id[row]),
        "identity": str(table.identity[row]),
        "thumbnail": work.photos.thumbnail(table, row),
    }


def _without(chapter: Chapter, pages: Contents) -> list[dict[str, Any]]:
    """R-1 of the best rows on all queries, on those without a leak, and on those with one."""
    rows = [row for row in chapter.rankings if "leak=none" in row.views and row.kind != "reference"]
    return [
        {
            "title": title(row),
            "page": pages.page("row", row.cell),
            "all": row.metrics[FIRST],
            "none": row.views["leak=none"].get(FIRST),
            "some": row.views.get("leak=some", {}).get(FIRST),
        }
        for row in rows[:ROWS]
    ]


def versions(found: Background) -> list[dict[str, Any]]:
    """R-1 of each system under each version of the queries, for a chart."""
    systems: Sequence[tuple[str, Sequence[Answer]]] = [
        (found.embedding.name, found.embedding.answers),
        *((looked.name, looked.answers) for looked in found.matchers),
    ]
    return [
        {"version": answer.version, "name": name, "n": answer.r1.n, **percents(answer.r1)}
        for name, answers in systems
        for answer in answers
        if answer.r1.value is not None
    ]


def _seen(chapter: Chapter) -> dict[str, str]:
    """Backbone -> what its weights have seen of this test."""
    own = [row for row in chapter.rankings if row.kind != "reference"]
    return {row.backbone: row.contamination or "nothing of this test" for row in own}
