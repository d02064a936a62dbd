"""What an embedding and its matchers look at: queries in five versions against an untouched gallery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.audit.altered import ORIGINAL, VERSIONS
from harness.audit.background import Background, Looked, by_count, compared
from harness.audit.on_animal import Share
from harness.audit.sample import ALTERED, Pictures, Sample, draw
from harness.cell import Cell
from harness.errors import HarnessError, StoreError
from harness.global_stages import GlobalStages
from harness.local_stages import LocalStages
from harness.looking_matches import MatchedSample
from harness.masks import Masks
from harness.metrics.intervals import Column, Estimate, mean
from harness.metrics.ranking import hit_by_chance, right_answers
from harness.stages.retrieve import retrieve
from harness.types import Embeddings, Ranking
from harness.views import asked as seen_by


@dataclass(frozen=True)
class Wish:
    """How many queries are drawn, how many candidates a matcher gets of each, and the seed of the draw."""

    queries: int = 100
    shortlist: int = 20
    seed: int = 0


@dataclass(frozen=True, eq=False)
class _Seen:
    """Of a matcher: where its matches lie, and how many there are [versions, q, k]."""

    shares: tuple[Share, ...]
    counts: NDArray[np.float64]


class Looking:
    """Looks at the cells of one embedding on one data set under one protocol.

    Args:
        masks: of the rows of the data set's table; ``masked_by`` names who guessed them where they are not exact.
    """

    def __init__(self, coarse: GlobalStages, fine: LocalStages, masks: Masks, masked_by: str, wish: Wish) -> None:
        self.coarse, self.fine, self.masks, self.masked_by, self.wish = coarse, fine, masks, masked_by, wish
        self.data, self.progress = coarse.data, coarse.bench.progress
        self.progress.stage("masks")
        self.sample: Sample = draw(self.data.table, masks, wish.queries, wish.seed, self.progress)
        self.pictures = Pictures(self.data.table, masks, self.sample)
        self.query, self.gallery = self.data.table.select(self.sample.rows), coarse.keys.gallery["query"]

    def look(self, base: Cell, cells: Sequence[Cell]) -> Background:
        """Look at the embedding of ``base``, and at the matchers of ``cells``, which have the same embedding.

        A matcher that cannot run, or that fails, is told in ``skipped``.

        Raises:
            HarnessError: the embedding fails; StoreError: the store cannot be used.
        """
        rankings = self._rankings(base)
        candidates = rankings[ORIGINAL]
        right = right_answers(candidates, self.query.identity, self.gallery.identity)
        matched = MatchedSample(self.fine, self.masks, self.sample, self.pictures, candidates, right)
        seen: dict[str, _Seen] = {}
        skipped: dict[str, str] = {}
        for cell in cells:
            name = cell.label("matcher")
            try:
                if cell.skip:
                    skipped[name] = cell.skip
                else:
                    seen[name] = _Seen(matched.shares(cell), matched.counts(cell))
            except StoreError:
                raise
            except Exception as error:  # a plugin may raise anything; the others are still looked at
                skipped[name] = f"failed: {error if isinstance(error, HarnessError) else repr(error)}"
        embedding, matchers = self._looked(base, rankings, right, seen)
        return self._report(right, embedding, matchers, skipped)

    def _rankings(self, base: Cell) -> dict[str, Ranking]:
        """The ranking of every version of the queries."""
        gallery, own = self.coarse.embeddings(base, self.gallery), self.coarse.embeddings(base, self.query)
        self.progress.stage("embed")
        ids = [f"{version}: {name}" for version in ALTERED for name in self.query.image_id.tolist()]
        changed = self.coarse.embedded(base, self.pictures, ids)
        scopes, names = (self.data.scope(self.query), self.data.scope(self.gallery)), self.query.image_id
        versions = {ORIGINAL: own}
        for place, version in enumerate(ALTERED):
            rows = slice(place * len(names), (place + 1) * len(names))
            versions[version] = Embeddings(names, changed.vectors[rows], changed.norms[rows])
        device = self.coarse.device
        return {
            version: retrieve(vectors, gallery, self.wish.shortlist, *scopes, device=device)
            for version, vectors in versions.items()
        }

    def _looked(
        self, base: Cell, rankings: Mapping[str, Ranking], right: NDArray[np.bool_], seen: Mapping[str, _Seen]
    ) -> tuple[Looked, tuple[Looked, ...]]:
        """The embedding, and the matchers; all their changes are one family of comparisons."""
        rows = {"": {version: self._first(ranking) for version, ranking in rankings.items()}}
        for name, found in seen.items():
            outcomes = [by_count(right, count) for count in found.counts]
            for key, which in ((name, 0), (f"alone: {name}", 1)):
                rows[key] = {v: outcome[which] for v, outcome in zip(VERSIONS, outcomes, strict=True)}
        answers = compared(rows, self.query.identity)
        there = (rankings[ORIGINAL].order >= 0).sum(axis=1)
        chance = mean(hit_by_chance(there, right.sum(axis=1), 1), self.query.identity)
        embedding = f"{base.label('backbone')} + {base.label('loss')}"
        matchers = (Looked(n, answers[n], answers[f"alone: {n}"], chance, found.shares) for n, found in seen.items())
        return Looked(embedding, answers[""], (), self._chance()), tuple(matchers)

    def _report(
        self, right: NDArray[np.bool_], embedding: Looked, matchers: tuple[Looked, ...], skipped: Mapping[str, str]
    ) -> Background:
        identity, wish = self.query.identity, self.wish
        return Background(
            dataset=self.data.dataset,
            protocol=self.data.protocol.title,
            protocol_hash=self.data.protocol_hash,
            masks="exact" if self.masks.exact else f"guessed by {self.masked_by}",
            settings={"queries": len(identity), "shortlist": wish.shortlist, "seed": wish.seed},
            left_out=self.sample.left_out,
            within=mean(np.asarray(right.any(axis=1), np.float64), identity),
            embedding=embedding,
            matchers=matchers,
            skipped=skipped,
        )

    def _first(self, ranking: Ranking) -> Column:
        right = right_answers(ranking, self.query.identity, self.gallery.identity)
        return np.asarray(right[:, :1].any(axis=1), np.float64)

    def _chance(self) -> Estimate:
        """The R-1 of a random order of the whole gallery that each query sees."""
        scopes = self.data.scope(self.query), self.data.scope(self.gallery)
        asked = seen_by(self.query, self.gallery, scopes, np.zeros(len(self.query), np.bool_))
        return mean(hit_by_chance(asked.candidates, asked.relevant, 1), self.query.identity)
