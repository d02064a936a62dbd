"""The graph of a grid: every task once, after what it needs, and none that the store makes needless."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from little import fullest, little

from harness.cell import Cell
from harness.grid import Grid
from harness.jobs.tasks import graph
from harness.keys import PARTS, Keys
from harness.store import Store, Value


@pytest.fixture
def store(tmp_path: Path, drawn: Path) -> Store:
    return Store(Path(shutil.copytree(drawn, tmp_path / "store")))


@pytest.fixture
def made(store: Store) -> tuple[Grid, Keys]:
    return little(store)


def counts(names: object) -> dict[str, int]:
    stages = [str(name).partition("-")[0] for name in names]  # type: ignore[attr-defined]
    return {stage: stages.count(stage) for stage in dict.fromkeys(stages)}


def test_what_cells_share_is_one_task(made: tuple[Grid, Keys], store: Store) -> None:
    nodes = graph(made[0].cells, made[1], store)
    assert counts(nodes) == {"train": 1, "describe": 1, "rank": 2, "match": 2, "score": 4}


def test_every_task_comes_after_what_it_needs(made: tuple[Grid, Keys], store: Store) -> None:
    nodes = graph(made[0].cells, made[1], store)
    place = {name: i for i, name in enumerate(nodes)}
    assert all(place[need] < place[name] for name, node in nodes.items() for need in node.needs)
    cell = fullest(made[0])
    needed = {need.partition("-")[0] for need in nodes[f"score-{cell.id}"].needs}
    assert needed == {"rank", "match"}
    matching = next(node for name, node in nodes.items() if name in nodes[f"score-{cell.id}"].needs and "match" in name)
    assert {need.partition("-")[0] for need in matching.needs} == {"rank", "describe"}
    assert matching.task.parts == PARTS


def test_shards_of_one_matcher_that_would_wait_for_each_other_have_one_token(
    made: tuple[Grid, Keys], store: Store
) -> None:
    nodes = [node for node in graph(made[0].cells, made[1], store).values() if node.task.stage == "match"]
    assert len({node.task.name for node in nodes}) == 2, "one for each ranking"
    assert len({node.token for node in nodes}) == 1, "and the same queries of the same matcher"


def test_rows_are_cut_at_the_shards_that_are_locked_together(
    made: tuple[Grid, Keys], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.jobs.tasks.SHARD", 2)
    nodes = graph([fullest(made[0])], made[1], store, rows=5)
    rows = [node.task.rows for node in nodes.values() if node.task.stage == "match"]
    most = max(len(made[1].asked[part]) for part in PARTS)
    assert rows == [(start, start + 4) for start in range(0, most, 4)]
    assert len({node.token for node in nodes.values() if node.task.stage == "match"}) == len(rows)


def test_what_is_in_the_store_is_no_task(made: tuple[Grid, Keys], store: Store) -> None:
    grid, keys = made
    cell = fullest(grid)
    train = keys.train(cell)
    assert train is not None
    store.write(train, Value({"x": np.zeros(1)}))
    assert "train" not in counts(graph(grid.cells, keys, store))
    for part in PARTS:
        store.write(keys.retrieve(cell, part), Value({"x": np.zeros(1)}))
    nodes = graph(grid.cells, keys, store)
    assert counts(nodes)["rank"] == 1
    done: Cell
    for done in grid.cells:
        store.write(keys.score(done), Value({"x": np.zeros(1)}))
    assert graph(grid.cells, keys, store) == {}
