"""A finished cell read back from the store: its rankings, decisions, scores, embeddings and matches. Nothing of the
grid is computed again but the matches of single pairs, of which the store keeps numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.answers import Decisions, QueryScores
from harness.cell import Cell
from harness.collection import Collection
from harness.contracts import Matcher
from harness.global_stages import FIELDS, as_ranking
from harness.local_stages import shortlist_scores
from harness.masks import Masks
from harness.packed import PackedFeatures
from harness.pairs import Pairs
from harness.protocol import Data
from harness.specs import MatcherSpec
from harness.stages.decide import query_scores
from harness.store import Key, Store, Value
from harness.table import ImageTable
from harness.trace import Trace, key_of
from harness.types import Embeddings, LocalFeatures, PairMatches, PairScores, Ranking


class Gone(LookupError):
    """Something of the cell is no longer in the store; the message says what."""


@dataclass(frozen=True, eq=False)
class SeenPair:
    """A query and a gallery image with their keypoints, and the matches between these."""

    query: LocalFeatures
    gallery: LocalFeatures
    matches: PairMatches


@dataclass(frozen=True, eq=False)
class Replay:
    """One cell that has run, by its trace. ``query`` [q] and ``gallery`` [g] are the rows that its rankings speak of.

    Raises:
        Gone: of each property, where the store no longer has what it needs.
    """

    store: Store
    data: Data
    cell: Cell
    trace: Trace

    @cached_property
    def query(self) -> ImageTable:
        """The queries."""
        return self.data.table.having("query")

    @cached_property
    def gallery(self) -> ImageTable:
        """What they are asked against."""
        return self.data.table.having("train", "validation", "gallery")

    @cached_property
    def coarse(self) -> Ranking:
        """The shortlist by the embedding."""
        return as_ranking(self._value("retrieve"), self.query, self.gallery)

    @cached_property
    def final(self) -> Ranking:
        """The ranking that counts: the re-ranked shortlist, or the shortlist itself."""
        return as_ranking(self._value("fuse"), self.query, self.gallery) if self.has("fuse") else self.coarse

    @cached_property
    def decisions(self) -> Decisions | None:
        """Known or new; None without an open-set rule."""
        if not self.has("decide"):
            return None
        value = self._value("decide")
        identities = np.array(value.info["identities"], dtype=np.str_)
        return Decisions(self.query.image_id, identities, value.arrays["confidence"], value.arrays["probability"])

    @cached_property
    def local(self) -> PairScores | None:
        """What the matcher found on the shortlist, aligned with :attr:`coarse`; None without a matcher."""
        if not self.has("match"):
            return None
        known, order = self._pairs, self.coarse.order
        matched = self._value("cascade").arrays["query"].astype(np.bool_) if self.has("cascade") else None
        chosen = order >= 0 if matched is None else matched & (order >= 0)
        asked, gallery = known.numbers(self.query.digest), known.numbers(self.gallery.digest)
        try:
            found = shortlist_scores(known, asked, gallery[order], chosen)
        except KeyError as error:
            raise Gone(f"the pair scores of {self.cell.label('matcher')}: {error.args[0]}") from error
        return PairScores(
            found.count, found.confidence, found.inliers, found.keypoints, found.candidate_keypoints, matched
        )

    @cached_property
    def scores(self) -> QueryScores:
        """What an open-set rule may look at."""
        return query_scores(self.coarse, self.final, self.local, self.query.dataset, self.gallery.identity)

    def embeddings(self, table: ImageTable) -> Embeddings:
        """The vectors of these rows."""
        rows = self._collection("embed", table.digest.tolist())
        return Embeddings(table.image_id, *(rows[name] for name in FIELDS[1:]))

    def matches(self, pairs: Sequence[tuple[int, int]]) -> list[SeenPair]:
        """Matches of (row of :attr:`query`, row of :attr:`gallery`), found anew by the matcher as it is installed.

        Raises:
            HarnessError: the matcher cannot run here.
        """
        if self.cell.matcher is None:
            raise Gone("a matcher: the row has none")
        if not pairs:
            return []
        digests = [d for q, g in pairs for d in (str(self.query.digest[q]), str(self.gallery.digest[g]))]
        packed = PackedFeatures.of(self._collection("describe", digests))
        seen = [packed.image(row) for row in range(len(digests))]
        both = list(zip(seen[::2], seen[1::2], strict=True))
        matcher: Matcher = self.cell.matcher.build()
        return [SeenPair(*pair, found) for pair, found in zip(both, matcher.match(both), strict=True)]

    def masks(self) -> Masks | None:
        """Masks of the rows of the data set's table: guessed where the features were kept to guessed ones, else the
        data set's own; None where there are none."""
        table = self.data.table
        if self.has("segment"):
            return Masks(table, self._collection("segment", table.digest.tolist())["bits"])
        return Masks(table) if (table.mask != "").any() else None

    def there(self) -> bool:
        """Whether the store still has the rankings, and what the open-set rule said."""
        stages = (stage for stage in ("retrieve", "fuse", "cascade", "decide") if self.has(stage))
        return all(key_of(self.store, stage, self.trace.keys[stage]) for stage in stages)

    def has(self, stage: str) -> bool:
        """Whether the cell had such a stage."""
        return stage in self.trace.keys

    @cached_property
    def _pairs(self) -> Pairs:
        assert self.cell.matcher is not None
        assert isinstance(self.cell.matcher.spec, MatcherSpec)
        symmetric = self.cell.matcher.spec.symmetric(self.cell.matcher.config)
        return Pairs(self.store, self._key("match"), self.data.table.digest, symmetric)

    def _collection(self, stage: str, digests: list[str]) -> dict[str, NDArray[Any]]:
        collection = Collection(self.store, self._key(stage))  # not verified: that would read it whole
        lacking = len(collection.missing(digests))
        if lacking:
            raise Gone(f"{lacking} of {len(set(digests))} rows of the stage {stage}")
        return collection.read(digests)

    def _value(self, stage: str) -> Value:
        value = self.store.read(self._key(stage))
        if value is None:
            raise Gone(f"the result of the stage {stage}")
        return value

    def _key(self, stage: str) -> Key:
        key = key_of(self.store, stage, self.trace.keys[stage]) if self.has(stage) else None
        if key is None:
            raise Gone(f"the result of the stage {stage}")
        return key
