"""The atlas: photographs where an embedding puts them, in two dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.leaderboard import heading
from harness.metrics.ranking import first_hits
from harness.record import RunRecord
from harness.replay import Gone, Replay
from harness.report.chapter import Chapter
from harness.report.contents import HOME, TITLE, Contents
from harness.report.pages.row import short, title
from harness.report.projection import FEWEST, projected, spread
from harness.report.work import Work


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write a page for each embedding of one chapter that has an atlas, by the first ranking that uses it."""
    by_cell = {record.cell: record for record in chapter.rankings}
    first: dict[str, str] = {}
    for cell, digest in pages.atlases.items():
        first.setdefault(digest, cell)
    work.progress.stage("atlas")
    work.progress.start(len(first), "embeddings")
    for cell in first.values():
        record, replay = by_cell[cell], chapter.replay(by_cell[cell])
        assert replay is not None
        lost, points = "", list[dict[str, Any]]()
        try:
            points = _points(work, record, replay)
        except Gone as gone:
            lost = f"The store no longer has {gone.args[0]}: run the grid again with this store."
        if not lost and not points:
            lost = f"Fewer than {FEWEST} photographs cannot be arranged."
        embedding = " / ".join(axis for axis in (record.backbone, record.loss) if axis != "none")
        crumbs = ((TITLE, HOME), (heading(chapter.first), pages.table), (short(record), pages.page("row", cell)))
        sharing = [
            (title(by_cell[c]), pages.page("row", c)) for c, d in pages.atlases.items() if d == pages.atlases[cell]
        ]
        work.site.page(
            pages.page("atlas", cell), "atlas.html.jinja", "Atlas", crumbs, points=points, lost=lost,
            embedding=embedding, sharing=sharing, ranking=title(record),
        )  # fmt: skip
        work.progress.advance()


def _points(work: Work, record: RunRecord, replay: Replay) -> list[dict[str, Any]]:
    """The photographs that are shown, with their places; queries before the gallery where not all fit."""
    table = replay.data.table
    asked = table.role == "query"
    hits = np.full(len(table), -1)
    hits[asked] = first_hits(replay.final, replay.query.identity, replay.gallery.identity)
    rows = spread(table.identity, asked, work.limits.points)
    if len(rows) < FEWEST:
        return []
    chosen = table.select(rows)
    places = projected(replay.store, replay.trace.keys["embed"], replay.embeddings(chosen))
    said = {1: "right", -1: ""}
    return [
        {
            "x": round(float(places[place, 0]), 2),
            "y": round(float(places[place, 1]), 2),
            "id": str(chosen.image_id[place]),
            "identity": str(chosen.identity[place]),
            "species": str(chosen.species[place]),
            "data set": str(chosen.dataset[place]),
            "role": str(chosen.role[place]),
            "at 1": ("new" if not chosen.known[place] else said.get(int(hits[row]), "wrong")) if asked[row] else "",
            "image": work.photos.head(chosen, place),
        }
        for place, row in enumerate(rows.tolist())
    ]
