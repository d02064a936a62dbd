"""The candidates of each query that are shown, before and after re-ranking, as data of a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from harness.replay import Replay
from harness.report.answers import Answers
from harness.report.photos import Photos
from harness.table import ImageTable
from harness.types import Ranking


@dataclass(frozen=True, eq=False)
class Listed:
    """The first ``most`` candidates of each query; ``drawn``: pairs whose matches can be seen."""

    photos: Photos
    most: int
    replay: Replay
    answers: Answers
    drawn: frozenset[tuple[int, int]]

    @cached_property
    def depth(self) -> int:
        """Places that are shown."""
        return min(self.most, int(self.replay.final.order.shape[1]))

    @cached_property
    def lists(self) -> dict[str, Ranking]:
        """The lists of a query by name; without re-ranking there is only one."""
        before = {"before": self.replay.coarse} if self.replay.has("fuse") else {}
        return {**before, "after": self.replay.final}

    def photographs(self) -> Iterator[tuple[ImageTable, int]]:
        """The photographs that are shown, those of the queries first that a reader looks for first."""
        for query in self.answers.by_interest.tolist():
            yield self.replay.query, query
            shown = np.concatenate([ranking.order[query, : self.depth] for ranking in self.lists.values()])
            yield from ((self.replay.gallery, gallery) for gallery in shown.tolist() if gallery >= 0)

    def chunk(self, queries: range) -> dict[str, Any]:
        """The data of a few queries: ``photographs`` of each; ``queries``, the lists of each with their candidates;
        ``images``: [id, identity, photograph] of each gallery image that a candidate names."""
        query, gallery, head = self.replay.query, self.replay.gallery, self.photos.head
        named: dict[int, int] = {}
        told = [{name: self._list(row, name, named) for name in self.lists} for row in queries]
        images = [[str(gallery.image_id[g]), str(gallery.identity[g]), head(gallery, g)] for g in named]
        return {"images": images, "queries": told, "photographs": [head(query, row) for row in queries]}

    def _list(self, query: int, name: str, named: dict[int, int]) -> list[list[Any]]:
        """One list: of each candidate [number of its image, right, place before, place after, score, matches, inliers,
        gallery row where the matches are drawn]; places from 0, and the last three null where there are none."""
        ranking = self.lists[name]
        other = self.answers.moved[query] if name == "before" else self.answers.came[query]
        out = []
        for place in range(self.depth):
            gallery = int(ranking.order[query, place])
            if gallery < 0:
                break
            before, after = (place, int(other[place])) if name == "before" else (int(other[place]), place)
            drawn = gallery if (query, gallery) in self.drawn else None
            right, score = int(self.answers.right[query, after]), round(float(ranking.scores[query, place]), 3)
            number = named.setdefault(gallery, len(named))
            out.append([number, right, before, after, score, *self._counts(query, before), drawn])
        return out

    def _counts(self, query: int, place: int) -> list[int | None]:
        """Matches and inliers of a candidate of the shortlist; null where it was not matched."""
        local = self.replay.local
        if local is None or (local.matched is not None and not local.matched[query, place]):
            return [None, None]
        return [int(local.count[query, place]), int(local.inliers[query, place])]
