"""Counts of every version against matching each pair by itself, whatever fits into memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from looks import INSIDE, POINTS, Looker, Tiles, herd, looking, mask

from harness import LocalFeatures, PairMatches, Ranking
from harness.audit.altered import VERSIONS, altered, without_animal
from harness.audit.sample import Pictures, Sample
from harness.cell import Cell
from harness.global_stages import photographs
from harness.keys import Keys
from harness.local_stages import LocalStages
from harness.looking_matches import MatchedSample
from harness.masks import Masks
from harness.progress import Quiet
from harness.protocol import Data
from harness.store import Store
from harness.workbench import Workbench

EVERYWHERE = np.ones(len(POINTS), np.bool_)
ORDER = np.array([[3, 0, -1], [8, 11, 2]], np.int32)
"""Candidates of two queries; the first sees two only."""


def sample_of(data: Data) -> Sample:
    queries = np.flatnonzero(data.table.role == "query")
    return Sample(queries[:2], queries[[2, 0]], 0)


def matched(data: Data, store: Path) -> MatchedSample:
    table, sample, keys = data.table, sample_of(data), Keys(data, "cpu")
    gallery = keys.gallery["query"]
    scores = np.where(ORDER >= 0, [[2.0, 1.0, 0.0]] * 2, -np.inf)
    candidates = Ranking(table.image_id[sample.rows], gallery.image_id, ORDER, scores)
    fine = LocalStages(Workbench(Store(store), Quiet(), lambda **_: None), data, keys)
    pictures, right = Pictures(table, Masks(table), sample), np.zeros(ORDER.shape, np.bool_)
    return MatchedSample(fine, Masks(table), sample, pictures, candidates, right)


def cell() -> Cell:
    return looking("everywhere", Looker(EVERYWHERE))


def by_hand(data: Data) -> np.ndarray:
    images, sample = photographs(data.table), sample_of(data)
    gallery = Keys(data, "cpu").gallery["query"]
    counts = np.full((len(VERSIONS), *ORDER.shape), -np.inf)
    for v, query, place in zip(*np.nonzero(np.ones(counts.shape)), strict=True):
        if ORDER[query, place] >= 0:
            behind = without_animal(images[sample.others[query]], mask())
            changed = altered(VERSIONS[v], images[sample.rows[query]], mask(), behind)
            pair = Tiles().extract([changed, photographs(gallery)[ORDER[query, place]]])
            counts[v, query, place] = len(Looker(EVERYWHERE).match([(pair[0], pair[1])])[0].indices)
    return counts


@pytest.mark.parametrize("room", [1 << 30, 1])
def test_counts_of_every_version(tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.looking_matches.room", lambda device: room)
    monkeypatch.setattr("harness.stages.match.CHUNK", 4)
    data = herd(tmp_path)
    found = matched(data, tmp_path / "store").counts(cell())
    assert np.array_equal(found, by_hand(data))
    assert np.isneginf(found[:, 0, 2]).all()
    assert found[0].max() == len(POINTS), "a photograph of the same animal at the same place"


def test_features_are_described_once_for_all_matchers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[int] = []
    extract = Tiles.extract
    monkeypatch.setattr(Tiles, "extract", lambda self, images: described.append(len(images)) or extract(self, images))
    data = herd(tmp_path)
    seen = matched(data, tmp_path / "store")
    for one in (cell(), looking("nowhere", Looker(~EVERYWHERE))):
        seen.shares(one)
        seen.counts(one)
    assert sum(described) == len(data.table) + 2 * (len(VERSIONS) - 1)


class OfQuery:
    """A match for each keypoint of the query."""

    def match(self, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> list[PairMatches]:
        counts = [len(query) for query, _ in pairs]
        return [
            PairMatches(np.stack([np.arange(n), np.zeros(n)], axis=1).astype(np.int32), np.ones(n), np.ones(n, bool))
            for n in counts
        ]


def test_altered_queries_are_masked_as_their_originals_are(tmp_path: Path) -> None:
    data = herd(tmp_path)
    for kept, expected in (("none", len(POINTS)), ("keypoints", INSIDE.sum())):
        found = matched(data, tmp_path / "store").counts(looking("of-query", OfQuery(), kept=kept))
        assert np.unique(found[np.isfinite(found)]).tolist() == [expected]
