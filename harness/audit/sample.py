"""The queries that a background audit looks at: drawn over the individuals, each with somebody else's background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.audit.altered import BACKGROUND_REPLACED, ORIGINAL, VERSIONS, altered, tells_apart, without_animal
from harness.audit.background import elsewhere, in_turn
from harness.contracts import Progress
from harness.errors import DataError
from harness.images import Photographs
from harness.masks import Masks
from harness.table import ImageTable
from harness.types import Image

ALTERED = tuple(version for version in VERSIONS if version != ORIGINAL)


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows [q] of a table: the queries, and whose background each gets when its own is replaced.

    ``left_out``: queries that were drawn and passed over, since their mask shows no animal or no background.
    """

    rows: NDArray[np.int64]
    others: NDArray[np.int64]
    left_out: int


def draw(table: ImageTable, masks: Masks, most: int, seed: int, progress: Progress) -> Sample:
    """Draw at most ``most`` known queries, individuals taking turns.

    Raises:
        DataError: no known query shows both animal and background, or there is no other background for one.
    """
    known = np.flatnonzero((table.role == "query") & table.known)
    order = known[in_turn(table.identity[known], seed)]
    rows: list[int] = []
    passed = 0
    progress.start(min(most, len(order)), "queries")
    for row in order.tolist():
        if len(rows) == most:
            break
        good = tells_apart(masks[row])
        rows += [row] * good
        passed += not good
        progress.advance(int(good))
    if not rows:
        raise DataError(
            f"none of {len(known)} known queries has a mask with an animal and a background",
            "Look at the masks, or have them guessed: --segmenter grabcut.",
        )
    rows.sort()
    return Sample(np.array(rows), np.array([_other(table, masks, row, seed) for row in rows]), passed)


def _other(table: ImageTable, masks: Masks, row: int, seed: int) -> int:
    """The row whose background the query ``row`` gets."""
    queries = np.flatnonzero(table.role == "query")
    place = int(np.searchsorted(queries, row))
    for other in queries[elsewhere(table.select(queries), place, seed)].tolist():
        if tells_apart(masks[other]):
            return int(other)
    raise DataError(
        f"no query of another individual than {str(table.image_id[row])!r} has a mask with an animal and a background",
        "Look at the masks, or have them guessed: --segmenter grabcut.",
    )


class Pictures:
    """The altered versions of a sample's photographs, made when asked for: all of one version, then those of the next,
    in the order of :data:`ALTERED`."""

    def __init__(self, table: ImageTable, masks: Masks, sample: Sample) -> None:
        self.photographs, self.masks, self.sample = Photographs(table.root, table.path.tolist()), masks, sample

    def __len__(self) -> int:
        return len(ALTERED) * len(self.sample.rows)

    def __getitem__(self, index: int, /) -> Image:
        version, place = divmod(index, len(self.sample.rows))
        name, row = ALTERED[version], int(self.sample.rows[place])
        other = int(self.sample.others[place]) if name == BACKGROUND_REPLACED else None
        behind = None if other is None else without_animal(self.photographs[other], self.masks[other])
        return altered(name, self.photographs[row], self.masks[row], behind)
