"""What several pages load: the queries of a protocol, and the outcome of every row on each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.leaderboard.differences import comparable
from harness.record import unpack_flags, unpack_hits
from harness.report.chapter import Chapter
from harness.report.contents import Contents
from harness.report.work import Work


def asked_path(pages: Contents) -> str:
    """``{id, identity, identities, dataset, datasets, species, kinds, known, leaked}``: lists by query, texts of one
    letter a query for flags (``1``: yes), and numbers into the lists of names."""
    return f"{pages.folder}/data/asked.js"


def outcome_path(pages: Contents, cell: str) -> str:
    """``{hits, said}``: the rank of the first right image of each query, 0 where it is not in the list; one letter a
    query for what the row's own rule said (``1``: known), empty without a rule."""
    return f"{pages.folder}/data/row-{cell}.js"


def write(work: Work, chapter: Chapter, pages: Contents) -> None:
    """Write them; nothing where the queries were not kept."""
    asked = chapter.queries
    if asked is None:
        return
    columns: dict[str, Any] = {"id": asked.image_id.tolist(), "known": letters(asked.known)}
    columns["leaked"] = letters(asked.leaked)
    for name, names in (("identity", "identities"), ("dataset", "datasets"), ("species", "kinds")):
        values = getattr(asked, name)
        told, codes = np.unique(values if values is not None else np.full(len(asked), ""), return_inverse=True)
        columns[name], columns[names] = codes.tolist(), told.tolist()
    work.site.data(asked_path(pages), columns)
    for record in chapter.rankings:
        if comparable(record, asked):
            said = letters(unpack_flags(record.said_known)) if record.said_known else ""
            outcome = {"hits": unpack_hits(record.first_hits).tolist(), "said": said}
            work.site.data(outcome_path(pages, record.cell), outcome)


def letters(flags: NDArray[np.bool_]) -> str:
    """``1`` and ``0`` for yes and no."""
    return "".join(map(str, flags.astype(int).tolist()))
