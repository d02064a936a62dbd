"""What matchers find on a sample of queries: where their matches lie, and how many there are in every version."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.audit.altered import VERSIONS
from harness.audit.on_animal import PairSeen, Place, Share, pair_seen, shares
from harness.audit.sample import ALTERED, Pictures, Sample
from harness.cell import Cell
from harness.choice import Choice
from harness.collection import Collection
from harness.contracts import Matcher
from harness.describing import described
from harness.device import room
from harness.local_stages import LocalStages
from harness.masks import Masks
from harness.packed import PackedFeatures
from harness.specs import FeaturesSpec
from harness.stages.describe import pack
from harness.stages.loading import Some
from harness.stages.masking import lie_on
from harness.stages.match import Block, match
from harness.types import LocalFeatures, Ranking

Numbers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Described:
    """Features by number: those of the queries, version after version, and then those of the gallery."""

    queries: PackedFeatures
    stored: Collection
    digests: NDArray[np.str_]
    room: int
    places: dict[int, Place] = field(default_factory=dict)

    def __call__(self, numbers: Numbers) -> Block:
        """A block of these images; numbers rise."""
        own = numbers[numbers < len(self.queries)]
        stored = self.stored.read(self.digests[numbers[len(own) :] - len(self.queries)].tolist())
        arrays = {name: array[own] for name, array in self.queries.arrays().items()}
        joined = {name: np.concatenate([a, stored[name]]) if stored else a for name, a in arrays.items()}
        return Block(numbers, PackedFeatures.of(joined))


class MatchedSample:
    """Matches a sample with its candidates, matcher by matcher; features are described once for all of them.

    Args:
        masks: of the rows of the data set's table.
        candidates: of the original queries [q, k]; ``right`` [q, k]: which of them are the query's individual.
    """

    def __init__(
        self,
        fine: LocalStages,
        masks: Masks,
        sample: Sample,
        pictures: Pictures,
        candidates: Ranking,
        right: NDArray[np.bool_],
    ) -> None:
        self.fine, self.masks, self.sample, self.pictures = fine, masks, sample, pictures
        self.candidates, self.right, self.table = candidates, right, fine.data.table
        self.gallery = np.flatnonzero(np.isin(self.table.role, ("train", "validation", "gallery")))
        self._features: dict[str, _Described] = {}

    def counts(self, cell: Cell) -> NDArray[np.float64]:
        """Matches of each candidate under every version, float64 [versions, q, k]; ``-inf`` where there is none.

        With a geometric check, those that agree with it.
        """
        features, order = self._described(cell), self.candidates.order
        there = np.broadcast_to(order >= 0, (len(VERSIONS), *order.shape))
        version, query, place = np.nonzero(there)
        pairs = np.stack([version * len(order) + query, len(features.queries) + order[query, place]], axis=1)
        found = np.full(there.shape, -np.inf)
        self.fine.bench.progress.stage("match")
        self.fine.bench.progress.start(len(pairs), "pairs")
        for rows, summary in match(self._built(cell), pairs, features, features.room, self.fine.bench.progress):
            found[version[rows], query[rows], place[rows]] = summary.inliers
        return found

    def shares(self, cell: Cell) -> tuple[Share, ...]:
        """Where the matches of the original queries lie."""
        features, matcher = self._described(cell), self._built(cell)
        progress, pairs = self.fine.bench.progress, list[PairSeen]()
        progress.stage("look")
        progress.start(len(self.sample.rows), "queries")
        for query in range(len(self.sample.rows)):
            pairs += self._pairs(query, features, matcher, _limit(cell))
            progress.advance()
        return shares(pairs, self.table.identity[self.sample.rows])

    def _pairs(self, query: int, features: _Described, matcher: Matcher, limit: int | None) -> list[PairSeen]:
        """The pairs of one query with its candidates."""
        there = np.flatnonzero(self.candidates.order[query] >= 0)
        numbers = len(features.queries) + self.candidates.order[query, there].astype(np.int64)
        block = features(np.unique([query, *numbers]))
        images = {int(number): block.images.image(row) for row, number in enumerate(block.numbers)}
        places = {n: replace(self._place(n, image, features), taken=limit) for n, image in images.items()}
        found = matcher.match([(images[query], images[number]) for number in numbers.tolist()])
        return [
            pair_seen(query, bool(self.right[query, place]), places[query], places[number], pair.indices[pair.inliers])
            for place, number, pair in zip(there, numbers.tolist(), found, strict=True)
        ]

    def _place(self, number: int, image: LocalFeatures, features: _Described) -> Place:
        """Where the keypoints of an image lie; its mask is read once for all queries."""
        if number not in features.places:
            own = number < len(features.queries)
            row = self.sample.rows[number] if own else self.gallery[number - len(features.queries)]
            mask = self.masks.sized(int(row), image.size)
            features.places[number] = Place.of(lie_on(image.keypoints, mask), mask)
        return features.places[number]

    def _described(self, cell: Cell) -> _Described:
        assert cell.features is not None
        key = self.fine.keys.describe(cell.features).digest
        if key not in self._features:
            self._features[key] = self._describe(cell.features)
        return self._features[key]

    def _describe(self, features: Choice) -> _Described:
        """The originals come through the store, as the gallery does; the altered versions are described here."""
        assert isinstance(features.spec, FeaturesSpec)
        config: Any = features.config
        stored, masks = self.fine.described(features), self.fine.masks(features)
        own = masks.select(self.sample.rows.tolist()) if masks else None
        parts = [stored.read(self.table.digest[self.sample.rows].tolist())]
        self.fine.bench.progress.stage("describe")
        for version in range(len(ALTERED)):
            images = Some(self.pictures, np.arange(len(self.sample.rows)) + version * len(self.sample.rows))
            batches = described(features, images, own, self.fine.bench.progress)
            parts += [pack(batch, config.max_keypoints, features.spec.dim).arrays() for batch in batches]
        queries = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        fit = room(str(self.fine.keys.numeric["device"])) // (config.max_keypoints * (2 * features.spec.dim + 20))
        return _Described(PackedFeatures.of(queries), stored, self.table.digest[self.gallery], fit)

    def _built(self, cell: Cell) -> Matcher:
        assert cell.matcher is not None
        built: Matcher = cell.matcher.build()
        return built


def _limit(cell: Cell) -> int | None:
    """How many of an image's keypoints the matcher takes."""
    assert cell.matcher is not None
    limit: int | None = getattr(cell.matcher.config, "max_keypoints", None)
    return limit
