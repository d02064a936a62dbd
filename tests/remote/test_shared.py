"""A store at a URL: what one machine computes, another finds."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from machines import (
    KEY,
    ROWS,
    SPAWN,
    Machine,
    append,
    compute,
    ids,
    only_memory,
    only_s3,
    place,
    same,
    value,
)
from s3 import faulty
from support import SMALL

from harness import grid as grids
from harness import remote, remote_checkpoint, runner
from harness.collection import Collection
from harness.data import load
from harness.pipeline import Pipeline
from harness.progress import Quiet
from harness.record import RunRecord
from harness.registry import Registry
from harness.replay import Replay
from harness.store import Store
from harness.trace import find

pytest.importorskip("fsspec", reason="needs fsspec")


def test_a_value_of_one_machine_is_read_by_another(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    assert not there.has(KEY)
    here.write(KEY, value())
    assert there.has(KEY)
    assert same(there.read(KEY), value())
    assert there.root != here.root
    here.objects.remove(f"{place(KEY)}/meta.json")
    assert there.has(KEY)  # from its own disk, without a question
    assert not machine("c").has(KEY)


def test_the_rows_of_one_machine_are_read_by_another(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    seen = Collection(there, ROWS)
    append(here, 0, 3)
    append(here, 3, 5)
    assert seen.missing(ids(0, 6)) == ids(0, 6)
    seen.refresh()
    assert seen.missing(ids(0, 6)) == ids(5, 6)
    assert seen.read(ids(0, 5))["v"][:, 0].tolist() == [0, 1, 2, 3, 4]
    assert json.loads((seen.folder / "key.json").read_text())["code"] == "x"
    append(there, 5, 6)
    assert Collection(here, ROWS).missing(ids(0, 6)) == []


def test_an_unfinished_state_goes_on_elsewhere(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine("a").checkpoint(KEY)
    here.save(b"one")
    here.save(b"two")  # within half a minute
    there = machine("b").checkpoint(KEY)
    assert there.path.is_file()
    assert there.load() == b"one"
    monkeypatch.setattr(remote_checkpoint, "SAVE_SECONDS", 0.0)
    here.save(b"three")
    assert there.load() == b"one"  # its own counts
    assert machine("c").checkpoint(KEY).load() == b"three"
    here.remove()
    assert machine("d").checkpoint(KEY).load() is None


@only_memory
def test_a_training_goes_on_while_its_state_cannot_be_put(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    store = machine("a")
    store.objects = faulty(store.objects, lambda name: OSError("away"))
    checkpoint = remote.RemoteCheckpoint(store.root / "partial" / "x.bin", store.objects, "partial/x.bin")
    with pytest.warns(UserWarning, match="stays on this machine"):
        checkpoint.save(b"one")
    assert checkpoint.load() == b"one"


@only_memory
def test_what_makes_a_value_be_there_comes_last(machine: Machine) -> None:
    store, put = machine("a"), list[str]()
    real = store.objects.put

    def noted(name: str, file: Path) -> None:
        put.append(name)
        real(name, file)

    store.objects.put = noted  # type: ignore[method-assign]
    store.write(KEY, value())
    assert put[-1] == f"{place(KEY)}/meta.json"
    assert len(put) == 4


@only_s3
def test_two_machines_that_want_one_key_compute_it_once(machine: Machine, url: str, tmp_path: Path) -> None:
    report = SPAWN.Queue()
    both = [SPAWN.Process(target=compute, args=(url, tmp_path / name, report)) for name in "ab"]
    for process in both:
        process.start()
    answers = [report.get(timeout=60) for _ in both]
    for process in both:
        process.join()
    assert sorted(computed for computed, *_ in answers) == [0, 1]
    assert len({number for _, number, _ in answers}) == 1
    assert sum(len(told) for *_, told in answers) <= 1


def test_shards_that_another_machine_holds_are_passed_over(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    with here.lock(KEY, ".0") as mine:
        assert mine
        with there.lock(KEY, ".0", wait=False) as other:
            assert not other
        with there.lock(KEY, ".1", wait=False) as other:
            assert other
    with there.lock(KEY, ".0", wait=False) as other:
        assert other


def test_a_folder_stays_a_folder(tmp_path: Path) -> None:
    store = remote.open_store(tmp_path / "store")
    assert type(store) is Store
    assert (store.url, store.root) == ("", tmp_path / "store")


@pytest.mark.parametrize("url", ["file"], indirect=True)
def test_the_commands_take_a_url(harness: Any, url: str, machine: Machine, tmp_path: Path) -> None:
    machine("a").write(KEY, value())
    seen = {"HARNESS_STORE_CACHE": str(tmp_path / "b"), "HARNESS_STORE": url}
    assert json.loads(harness("cache", "ls", "--json", **seen).stdout) == []  # what is not here yet is not listed
    done = harness("cache", "gc", "--all", "--yes", "--store", url, HARNESS_STORE_CACHE=str(tmp_path / "a"))
    assert "freed" in done.stderr
    assert f"{url} is not cleared" in done.stderr
    assert machine("a").has(KEY)
    assert f"the mirror of {url}" in harness("cache", "ls", **seen).stdout


Ran = tuple[list[RunRecord], Pipeline]


def ran(store: Store) -> Ran:
    grid = grids.expand(tomllib.loads(SMALL), Registry.load())
    data = load(grid.dataset, grid.protocol, store, Quiet())
    pipeline = Pipeline(store, data, "cpu", Quiet(), lambda **facts: None)
    return [ended.record for ended in runner.run(grid, data, pipeline)], pipeline


@pytest.mark.slow
@only_s3
def test_what_one_machine_has_run_another_finds(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    first, _ = ran(here)
    shutil.copytree(here.root / "datasets", there.root / "datasets", dirs_exist_ok=True)  # to draw it takes long
    second, pipeline = ran(there)
    assert [record.status for record in first] == ["ok"] * 4
    assert all(cached for record in second for cached in record.cached.values())
    assert any(not cached for record in first for cached in record.cached.values())
    assert [record.metrics for record in second] == [record.metrics for record in first]
    third = machine("c")  # one that makes a report
    shutil.copytree(here.root / "datasets", third.root / "datasets", dirs_exist_ok=True)
    cells = {cell.id: cell for cell in grids.expand(tomllib.loads(SMALL), Registry.load()).cells}
    for record in first[1:]:
        trace = find(third, record)
        assert trace is not None
        replay = Replay(third, pipeline.data, cells[record.cell], trace)
        assert replay.there()
        assert len(replay.final.order) == len(replay.query)
        assert len(replay.embeddings(replay.query).vectors) == len(replay.query)
