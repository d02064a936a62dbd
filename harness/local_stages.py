"""The fine half of a cell: describe and match, each image and each pair once, through the store."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cell import Cell
from harness.collection import Collection
from harness.features_reader import FeatureReader
from harness.global_stages import images_of
from harness.keys import Keys, Part
from harness.protocol import Data
from harness.registry import Choice
from harness.specs import FeaturesSpec
from harness.stages.describe import describe, pack
from harness.stages.match import match
from harness.types import PairScores, Ranking
from harness.workbench import Rows, Workbench

DESCRIBE_BATCH, PAIR_CHUNK = 64, 2048
COLUMNS = ("count", "confidence", "inliers")


class LocalStages:
    """Local features and pair scores of cells of one data set under one protocol."""

    def __init__(self, bench: Workbench, data: Data, keys: Keys) -> None:
        self.bench, self.data, self.keys = bench, data, keys

    def described(self, features: Choice) -> Collection:
        """Local features of every image of the table, by digest."""
        digests = self.data.table.digest.tolist()
        return self.bench.fill(self.keys.describe(features), digests, lambda missing: self._describe(features, missing))

    def _describe(self, features: Choice, missing: list[str]) -> Rows:
        assert isinstance(features.spec, FeaturesSpec)
        config: Any = features.config
        start, images = 0, images_of(self.data.table, missing)
        for batch in describe(features.build(), images, DESCRIBE_BATCH, self.bench.progress):
            yield missing[start : start + len(batch)], pack(batch, config.max_keypoints, features.spec.dim)
            start += len(batch)

    def pairs(self, cell: Cell, part: Part, ranking: Ranking) -> PairScores:
        """What the matcher finds on every candidate of the shortlist."""
        key, matcher = self.keys.match(cell), cell.matcher
        assert key is not None
        assert matcher is not None
        assert cell.features is not None
        features = FeatureReader(self.described(cell.features))
        asked, gallery = self.keys.asked[part].digest, self.keys.gallery[part].digest
        valid = ranking.order >= 0
        places = zip(np.nonzero(valid)[0], ranking.order[valid], strict=True)
        ids = [str(asked[q]) + str(gallery[g]) for q, g in places]
        collection = self.bench.fill(key, ids, lambda missing: self._match(matcher, features, missing))
        rows = collection.read(ids) if ids else {name: np.empty(0, np.float32) for name in COLUMNS}
        count, confidence, inliers = (_spread(rows[name], valid) for name in COLUMNS)
        keypoints = np.append(features.keypoint_counts(gallery.tolist()), np.int32(0))[ranking.order]  # -1: padding
        return PairScores(count, confidence, inliers, features.keypoint_counts(asked.tolist()), keypoints)

    def _match(self, matcher: Choice, features: FeatureReader, missing: list[str]) -> Rows:
        pairs = [(name[: len(name) // 2], name[len(name) // 2 :]) for name in missing]
        for done, arrays in match(matcher.build(), pairs, features, PAIR_CHUNK, self.bench.progress):
            yield [a + b for a, b in done], arrays


def _spread(rows: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Rows of valid places back in the shape of the shortlist, zero behind padding."""
    out = np.zeros(valid.shape, np.float32)
    out[valid] = rows
    return out
