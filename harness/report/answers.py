"""What became of each query of a ranking: its ranks before and after re-ranking, and who was moved where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.metrics.ranking import first_hits, right_answers
from harness.replay import Replay

Places = NDArray[np.int64]
Flags = NDArray[np.bool_]
KINDS = ("rescued", "broken", "wrong", "right", "new")
"""What a reader looks for first; every query is of one kind."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Of one ranking.

    ``before``, ``after``: rank of the first right image by the embedding and in the end, 0: not in the list; int64 [q].
    ``moved``: where each candidate of the global shortlist ends, from 0; int64 [q, k], -1 behind padding.
    ``came``: where each candidate of the final list came from. ``right``, ``right_before``: bool [q, k], of the final
    list and of the shortlist. ``known``: bool [q].
    """

    before: Places
    after: Places
    moved: Places
    came: Places
    right: Flags
    right_before: Flags
    known: Flags

    @classmethod
    def of(cls, replay: Replay) -> Self:
        """Read a ranking; raises Gone where the store no longer has it."""
        identity = replay.query.identity, replay.gallery.identity
        coarse, final = replay.coarse, replay.final
        moved = _moved(coarse.order, final.order)
        return cls(
            first_hits(coarse, *identity),
            first_hits(final, *identity),
            moved,
            _moved(final.order, coarse.order),
            right_answers(final, *identity),
            right_answers(coarse, *identity),
            replay.query.known,
        )

    @cached_property
    def kind(self) -> NDArray[np.str_]:
        """The kind of each query: ``rescued`` by re-ranking (wrong at 1 before, right after), ``broken`` by it,
        ``wrong`` at 1, ``right`` at 1, or of a ``new`` individual; [q]."""
        was, now = self.before == 1, self.after == 1
        return np.select([~self.known, now & ~was, was & ~now, ~now], ["new", "rescued", "broken", "wrong"], "right")

    @cached_property
    def by_interest(self) -> Places:
        """The queries, those first that a reader looks for first."""
        rank = {name: place for place, name in enumerate(("rescued", "broken", "wrong", "new", "right"))}
        return np.argsort([rank[name] for name in self.kind.tolist()], kind="stable")


def _moved(order: NDArray[np.int32], into: NDArray[np.int32]) -> Places:
    """The place in ``into`` [q, k] of each entry of ``order`` [q, k], a row of the same entries; -1 at padding."""
    place = np.empty(order.shape, np.int64)
    np.put_along_axis(place, np.argsort(order, axis=1, kind="stable"), np.argsort(into, axis=1, kind="stable"), axis=1)
    return np.where(order >= 0, place, -1)
