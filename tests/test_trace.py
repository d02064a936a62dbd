"""Traces: what a cell has left in the store, and how it is found again."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from support import SMALL

from harness import grid as grids
from harness.cell import Cell
from harness.data import load
from harness.keys import Keys
from harness.progress import Quiet
from harness.record import RunRecord
from harness.registry import Registry
from harness.store import Key, Store, Value
from harness.trace import find, key_of, leave


@pytest.fixture
def made(tmp_path: Path, drawn: Path) -> tuple[Store, grids.Grid, Keys]:
    store = Store(Path(shutil.copytree(drawn, tmp_path / "store")))
    grid = grids.expand(tomllib.loads(SMALL), Registry.load())
    return store, grid, Keys(load(grid.dataset, grid.protocol, store, Quiet()), "cpu")


def left(made: tuple[Store, grids.Grid, Keys], cell: Cell, ranking: str = "abc") -> RunRecord:
    store, grid, keys = made
    leave(store, cell, keys.data, grid.dataset, keys, ranking)
    axes = dict.fromkeys(("backbone", "loss", "matcher", "fusion", "openset"), "x")
    under = {"protocol": "official", "protocol_hash": keys.data.protocol_hash, "protocol_fields": {}, "dataset": "x"}
    return RunRecord(cell=cell.id, grid="g", **under, **axes, seed=0, status="ok", ranking=ranking)


def test_a_recipe_makes_the_same_cell_with_the_same_keys(made: tuple[Store, grids.Grid, Keys]) -> None:
    store, grid, keys = made
    for cell in grid.cells:
        trace = find(store, left(made, cell))
        assert trace is not None
        again = grids.expand(trace.recipe, Registry.load())
        (twin,) = again.cells
        assert (twin.id, twin.title) == (cell.id, cell.title)
        assert keys.score(twin).digest == keys.score(cell).digest
        assert again.protocol == grid.protocol
        assert trace.keys["retrieve"] == keys.retrieve(cell, "query").digest
        assert ("match" in trace.keys) == (cell.matcher is not None)


def test_paths_are_absolute_so_that_another_folder_finds_them(
    made: tuple[Store, grids.Grid, Keys], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, grid, keys = made
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    registry = Registry.load()
    dataset = registry.resolve("dataset", "folder[root=photos]")
    data = keys.data
    named = replace(data, protocol=data.protocol.model_copy(update={"dataset": "folder[root=photos]"}))
    leave(store, grid.cells[0], named, dataset, keys, "abc")
    (path,) = (store.root / "traces").glob("*/*.json")
    assert json.loads(path.read_text())["recipe"]["protocol"]["dataset"] == f"folder[root={tmp_path}/photos]"


def test_another_ranking_is_not_this_records(made: tuple[Store, grids.Grid, Keys]) -> None:
    record = left(made, made[1].cells[0])
    assert find(made[0], record) is not None
    assert find(made[0], record.model_copy(update={"ranking": "other"})) is None
    assert find(made[0], record.model_copy(update={"ranking": ""})) is not None, "rows of old schemas have no digest"
    assert find(made[0], record.model_copy(update={"cell": "0" * 16})) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"recipe": {}}'])
def test_a_damaged_trace_counts_as_none(made: tuple[Store, grids.Grid, Keys], content: bytes) -> None:
    record = left(made, made[1].cells[0])
    (path,) = (made[0].root / "traces").glob("*/*.json")
    path.write_bytes(content)
    assert find(made[0], record) is None


def test_a_key_is_read_back_from_beside_its_value(tmp_path: Path) -> None:
    store, key = Store(tmp_path), Key("retrieve", {"a": [1, {"b": None}], "c": "d"})
    assert key_of(store, key.stage, key.digest) is None
    store.write(key, Value({}, {"x": 1}))
    found = key_of(store, key.stage, key.digest)
    assert found == key
    value = store.read(found)
    assert value is not None
    assert value.info == {"x": 1}
    (store.path(key) / "key.json").write_text('{"schema": 1, "stage": "retrieve", "a": 2}')
    assert key_of(store, key.stage, key.digest) is None, "a key that is not that of its folder"
