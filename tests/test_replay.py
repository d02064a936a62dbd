"""A finished cell read back: the same rankings, decisions and scores, and the matches behind the counts."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from little import little
from test_keys import with_cascade

from harness.cell import Cell
from harness.grid import Grid
from harness.pipeline import Pipeline
from harness.progress import Quiet
from harness.replay import Gone, Replay
from harness.store import Store
from harness.trace import Trace, keys_of

pytestmark = pytest.mark.slow


@pytest.fixture
def made(tmp_path: Path, drawn: Path) -> tuple[Grid, Pipeline]:
    store = Store(Path(shutil.copytree(drawn, tmp_path / "store")))
    grid, keys = little(store)
    return grid, Pipeline(store, keys.data, "cpu", Quiet(), lambda **_: None)


def replayed(pipeline: Pipeline, cell: Cell) -> Replay:
    trace = Trace(recipe={}, keys=keys_of(cell, pipeline.keys), ranking="")
    return Replay(pipeline.bench.store, pipeline.data, cell, trace)


def test_what_is_read_back_is_what_was_found(made: tuple[Grid, Pipeline]) -> None:
    grid, pipeline = made
    for cell in grid.cells:
        done, replay = pipeline.finish(cell), replayed(pipeline, cell)
        assert replay.there()
        for ours, theirs in ((replay.coarse, done.coarse), (replay.final, done.final)):
            assert np.array_equal(ours.order, theirs.order)
            assert np.array_equal(ours.scores, theirs.scores)
        if done.decisions is None:
            assert replay.decisions is None
        else:
            assert replay.decisions is not None
            assert np.array_equal(replay.decisions.identities, done.decisions.identities)
            assert np.array_equal(replay.decisions.confidence, done.decisions.confidence)
        local = pipeline.reranking.reranked(cell).shortlists["query"].local
        assert (local is None) == (replay.local is None)
        if local is not None and replay.local is not None:
            assert np.array_equal(local.count, replay.local.count)
            assert np.array_equal(local.keypoints, replay.local.keypoints)
            assert np.array_equal(local.candidate_keypoints, replay.local.candidate_keypoints)
        assert "cosine" in replay.scores.columns
        vectors = pipeline.coarse.embeddings(cell, replay.query)
        assert np.array_equal(replay.embeddings(replay.query).vectors, vectors.vectors)


def test_the_matches_are_those_that_were_counted(made: tuple[Grid, Pipeline]) -> None:
    grid, pipeline = made
    cell = next(cell for cell in grid.cells if cell.matcher)
    pipeline.finish(cell)
    replay = replayed(pipeline, cell)
    assert replay.local is not None
    places = [(query, place) for query in range(3) for place in range(4)]
    found = replay.matches([(query, int(replay.coarse.order[query, place])) for query, place in places])
    counted = [replay.local.count[query, place] for query, place in places]
    assert [len(pair.matches.indices) for pair in found] == counted
    assert max(counted) > 0
    assert all(len(pair.query) == replay.local.keypoints[query] for pair, (query, _) in zip(found, places, strict=True))
    assert replay.matches([]) == []


def test_a_cascade_says_what_it_left_out(made: tuple[Grid, Pipeline]) -> None:
    grid, pipeline = made
    cell = with_cascade(next(cell for cell in grid.cells if cell.matcher and not cell.loss), 0.99)
    pipeline.finish(cell)
    local = replayed(pipeline, cell).local
    assert local is not None
    assert local.matched is not None
    assert 0 < local.matched.sum() < local.matched.size
    assert not local.count[~local.matched].any()


def test_what_the_store_has_lost_is_named(made: tuple[Grid, Pipeline]) -> None:
    grid, pipeline = made
    cell = next(cell for cell in grid.cells if cell.matcher)
    pipeline.finish(cell)
    root = pipeline.bench.store.root
    shutil.rmtree(root / "values" / "fuse")
    assert not replayed(pipeline, cell).there()
    with pytest.raises(Gone, match="fuse"):
        _ = replayed(pipeline, cell).final
    for part in (root / "collections" / "match").rglob("*.safetensors"):
        part.unlink()
    with pytest.raises(Gone, match="pair scores of mutual-nn"):
        _ = replayed(pipeline, cell).local
    shutil.rmtree(root / "collections" / "embed")
    with pytest.raises(Gone, match="embed"):
        replayed(pipeline, cell).embeddings(pipeline.data.table)
    for part in (root / "collections" / "describe").rglob("*.safetensors"):
        part.unlink()
    with pytest.raises(Gone, match="2 of 2 rows of the stage describe"):
        replayed(pipeline, cell).matches([(0, 0)])


def test_a_cell_without_a_matcher_has_no_matches(made: tuple[Grid, Pipeline]) -> None:
    grid, pipeline = made
    cell = next(cell for cell in grid.cells if not cell.matcher)
    with pytest.raises(Gone, match="matcher"):
        replayed(pipeline, replace(cell)).matches([(0, 0)])


def test_masks_are_the_data_sets_own(made: tuple[Grid, Pipeline]) -> None:
    grid, pipeline = made
    masks = replayed(pipeline, grid.cells[0]).masks()
    assert masks is not None
    assert masks.exact
    bare = pipeline.data.table.with_columns(mask=np.full(len(pipeline.data.table), ""))
    none = replace(replayed(pipeline, grid.cells[0]), data=replace(pipeline.data, table=bare))
    assert none.masks() is None
