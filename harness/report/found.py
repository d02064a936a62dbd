"""Finding one pair by the names of its images: which row shows it, and what that row knows of it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import DataError
from harness.record import RunRecord
from harness.replay import Replay
from harness.report.chapter import Chapter
from harness.table import ImageTable


@dataclass(frozen=True, eq=False)
class Found:
    """A row with a matcher, and the rows of the two images in its query and gallery tables."""

    record: RunRecord
    replay: Replay
    query: int
    gallery: int

    @property
    def places(self) -> tuple[int | None, int | None]:
        """The place of the gallery image in the query's list before and after re-ranking, from 1; None: not in it."""
        lists = (self.replay.coarse, self.replay.final)
        found = [(ranking.order[self.query] == self.gallery).nonzero()[0] for ranking in lists]
        before, after = (int(place[0]) + 1 if len(place) else None for place in found)
        return before, after

    @property
    def right(self) -> bool:
        """Whether both images show one individual."""
        return bool(self.replay.query.identity[self.query] == self.replay.gallery.identity[self.gallery])


def find_pair(chapters: Sequence[Chapter], query: str, gallery: str, row: str = "") -> Found:
    """The pair in the best row with a matcher, or in the row whose cell begins with ``row``.

    Raises:
        DataError: no such row, query or gallery image; names what is near.
    """
    rows = [(c, record) for c in chapters for record in c.rankings if record.matcher != "none"]
    if row:
        rows = [(c, record) for c, record in rows if record.cell.startswith(row)]
    if not rows:
        what = f"no row with a matcher has a cell that begins with {row!r}" if row else "no row has a matcher"
        raise DataError(what, "See the cells with: harness leaderboard --json")
    replays = [(record, replay) for c, record in rows if (replay := c.replay(record)) and replay.there()]
    if not replays:
        reasons = {c.lacking for c, _ in rows if c.lacking} or {"it has not their rankings"}
        raise DataError(f"the store lacks these rows: {'; '.join(sorted(reasons))}", "Run their grid with this store.")
    for record, replay in replays:
        if query in replay.query.image_id:
            return Found(record, replay, _row(replay.query, query), _row(replay.gallery, gallery, "gallery image"))
    raise _unknown(query, replays[0][1].query, "query")


def _row(table: ImageTable, name: str, what: str = "query") -> int:
    found = (table.image_id == name).nonzero()[0]
    if not len(found):
        raise _unknown(name, table, what)
    return int(found[0])


def _unknown(name: str, table: ImageTable, what: str) -> DataError:
    near = difflib.get_close_matches(name, table.image_id.tolist(), n=3, cutoff=0.5)
    advice = f"Did you mean {' or '.join(near)}?" if near else f"The first of them is {table.image_id[0]}."
    return DataError(f"there is no {what} {name!r}", advice)
