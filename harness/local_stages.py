"""The fine half of a cell: describe and match, each image and each pair once, through the store."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cell import Cell
from harness.choice import Choice
from harness.collection import Collection
from harness.config import masked
from harness.describing import describe_missing
from harness.device import room
from harness.features_reader import FeatureReader
from harness.keys import Keys, Part
from harness.masks import Masks, masks_of
from harness.matching import match_missing
from harness.pair_parts import COLUMNS
from harness.pairs import Pairs
from harness.protocol import Data
from harness.specs import FeaturesSpec, MatcherSpec
from harness.store import Key
from harness.types import PairScores, Ranking
from harness.workbench import Rows, Workbench


class LocalStages:
    """Local features and pair scores of cells of one data set under one protocol."""

    def __init__(self, bench: Workbench, data: Data, keys: Keys) -> None:
        self.bench, self.data, self.keys = bench, data, keys
        self._opened: Pairs | None = None
        self._tally, self._of, self._codes = bench.tally, "", np.empty(0, np.int64)

    def described(self, features: Choice) -> Collection:
        """Local features of every image of the table, by digest."""
        key, digests = self.keys.describe(features), self.data.table.digest.tolist()
        collection = self.bench.fill(key, digests, lambda missing: self._describe(features, missing))
        if features.segmenter:
            self._recall(self.keys.segment(features.segmenter))
        return collection

    def _describe(self, features: Choice, missing: list[str]) -> Rows:
        masks = self.masks(features)
        self.bench.progress.stage("describe")
        return describe_missing(features, self.data.table, missing, masks, self.bench.progress)

    def masks(self, features: Choice) -> Masks | None:
        """Of every image of the table; None where the features are not masked."""
        if not masked(features.config):
            return None
        return masks_of(self.data.table, features.segmenter, self.bench, self.keys.segment)

    def pairs(self, cell: Cell, part: Part, ranking: Ranking, wanted: NDArray[np.bool_] | None = None) -> PairScores:
        """What the matcher finds on the candidates of the shortlist, or on its ``wanted`` places [q, k] alone."""
        known = self._pairs(cell)
        asked, gallery = (known.numbers(table[part].digest) for table in (self.keys.asked, self.keys.gallery))
        chosen = ranking.order >= 0 if wanted is None else (ranking.order >= 0) & wanted
        queries = np.nonzero(chosen)[0]
        codes = known.codes(asked[queries], gallery[ranking.order[chosen]])
        self._fill(cell, known, codes, queries)
        return shortlist_scores(known, asked, gallery[ranking.order], chosen)

    def _pairs(self, cell: Cell) -> Pairs:
        """The pairs of the cell's matcher; the last matcher's stay open, since cells of one matcher come together."""
        key = self.keys.match(cell)
        assert key is not None
        assert cell.matcher is not None
        assert isinstance(cell.matcher.spec, MatcherSpec)
        if self._opened is None or self._opened.key.digest != key.digest:
            symmetric = cell.matcher.spec.symmetric(cell.matcher.config)
            self._opened = Pairs(self.bench.store, key, self.data.table.digest, symmetric)
        return self._opened

    def _fill(self, cell: Cell, known: Pairs, codes: NDArray[np.int64], queries: NDArray[np.int64]) -> None:
        """Match what is missing; features are opened for that alone. ``queries``: the query's row of each code."""
        assert cell.features is not None
        assert cell.matcher is not None
        found = not len(known.missing(codes))
        if found:
            self._recall(self.keys.describe(cell.features))
            if cell.features.segmenter:
                self._recall(self.keys.segment(cell.features.segmenter))
        else:
            with self.bench.own_time(known.key):
                features = self._reader(cell.features, known)
                self.bench.progress.stage("match")
                match_missing(self.bench, known, codes, queries, cell.matcher, features)
        self.bench.tell(known.key, known.seconds_each() * self._wanted(known, codes), found)

    def _recall(self, key: Key) -> None:
        """Count a collection of all images that was not asked for."""
        self.bench.recall(key, self.bench.seconds_each(key) * len(self.data.table))

    def _wanted(self, known: Pairs, codes: NDArray[np.int64]) -> int:
        """How many pairs the cell at work has asked for so far: queries, validation, and the depths of a cascade."""
        if self._tally is not self.bench.tally or self._of != known.key.digest:
            self._tally, self._of, self._codes = self.bench.tally, known.key.digest, codes[:0]
        self._codes = np.union1d(self._codes, codes)
        return len(self._codes)

    def _reader(self, features: Choice, known: Pairs) -> FeatureReader:
        config: Any = features.config
        assert isinstance(features.spec, FeaturesSpec)
        each = config.max_keypoints * (2 * features.spec.dim + 20)
        return FeatureReader(self.described(features), known, room(str(self.keys.numeric["device"])) // each)


def shortlist_scores(
    known: Pairs, asked: NDArray[np.int64], candidates: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> PairScores:
    """The scores of the ``chosen`` places [q, k], which have been matched; zero elsewhere.

    Args:
        known: the pairs; ``asked`` [q] and ``candidates`` [q, k] are its image numbers.
    """
    scores = known.read(known.codes(asked[np.nonzero(chosen)[0]], candidates[chosen]))
    count, confidence, inliers = (_spread(getattr(scores, name), chosen) for name in COLUMNS)
    keypoints = np.maximum(known.keypoints, 0)
    theirs = np.where(chosen, keypoints[candidates], 0).astype(np.int32)
    return PairScores(count, confidence, inliers, keypoints[asked], theirs)


def _spread(rows: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Rows of chosen places back in the shape of the shortlist, zero elsewhere."""
    out = np.zeros(chosen.shape, np.float32)
    out[chosen] = rows
    return out
