"""A store at a URL: what one machine computes, another finds; faults there are told, and cost time only."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import sys
import time
import tomllib
import uuid
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from s3 import BUCKET, faulty, server

from harness import grid as grids
from harness import objects, remote, runner
from harness.collection import Collection
from harness.data import load
from harness.errors import StoreError
from harness.pipeline import Pipeline
from harness.progress import Quiet
from harness.record import RunRecord
from harness.registry import Registry
from harness.replay import Replay
from harness.store import Key, Store, Value
from harness.trace import find
from harness.workbench import Workbench

pytest.importorskip("fsspec", reason="needs fsspec")

KEY = Key("retrieve", {"seed": 0})
ROWS = Key("embed", {"code": "x"})
SPAWN = multiprocessing.get_context("spawn")
Machine = Callable[[str], remote.RemoteStore]


@pytest.fixture(scope="session")
def s3_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with server(tmp_path_factory.mktemp("s3") / "log") as environment:
        yield environment


def opened(url: str, cache: Path) -> remote.RemoteStore:
    """The store at a URL as a machine sees it whose cache is this folder."""
    os.environ["HARNESS_STORE_CACHE"] = str(cache)
    store = remote.open_store(url)
    assert isinstance(store, remote.RemoteStore)
    return store


@pytest.fixture(params=["memory", "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "s3":
        for name, setting in request.getfixturevalue("s3_environment").items():
            monkeypatch.setenv(name, setting)
        return f"s3://{BUCKET}/{uuid.uuid4().hex}"
    return f"file://{tmp_path}/there" if request.param == "file" else f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def machine(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("HARNESS_STORE_CACHE", "")  # put back in the end
    monkeypatch.setattr(objects, "WAIT", 0.001)
    return lambda name: opened(url, tmp_path / name)


only_memory = pytest.mark.parametrize("url", ["memory"], indirect=True)
only_s3 = pytest.mark.parametrize("url", ["s3"], indirect=True)


def value(number: float = 1.0) -> Value:
    return Value({"v": np.full((3, 2), number, np.float32)}, {"why": "test"}, 2.5)


def same(found: Value | None, expected: Value) -> bool:
    if found is None:
        return False
    return found.info == expected.info and np.array_equal(found.arrays["v"], expected.arrays["v"])


def ids(first: int, last: int) -> list[str]:
    return [f"{number:04d}" for number in range(first, last)]


def append(store: Store, first: int, last: int) -> None:
    rows = np.arange(first, last, dtype=np.float32)[:, None]
    Collection(store, ROWS).append(ids(first, last), {"v": rows}, 1.0)


def place(key: Key) -> str:
    return f"values/{key.stage}/{key.digest[:2]}/{key.digest}"


def parts(store: remote.RemoteStore) -> list[str]:
    folder = f"collections/{ROWS.stage}/{ROWS.digest}"
    return [f"{folder}/{name}" for name in store.objects.names(folder) if name.endswith(".safetensors")]


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
    monkeypatch.setattr(remote, "SAVE_SECONDS", 0.0)
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


@pytest.mark.parametrize("file", ["meta.json", "arrays.safetensors", "info.json"])
def test_a_value_that_is_damaged_there_is_told_and_computed_again(machine: Machine, file: str) -> None:
    here = machine("a")
    here.write(KEY, value())
    here.objects.write(f"{place(KEY)}/{file}", b"{} damaged")
    there = machine("b")
    with pytest.warns(UserWarning, match=f"{here.url}/values/retrieve/.* is damaged"):
        assert not there.has(KEY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert there.read(KEY) is None  # it is not fetched for ever
        bench = Workbench(there, Quiet(), lambda **facts: None)
        assert same(bench.fetch(KEY, lambda _: value()), value())
        assert same(machine("c").read(KEY), value())


def test_a_value_that_is_damaged_here_is_fetched_again(machine: Machine) -> None:
    here = machine("a")
    here.write(KEY, value())
    (here.path(KEY) / "arrays.safetensors").write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="retrieve .* is damaged"):
        assert here.read(KEY) is None
    assert same(here.read(KEY), value())


def test_a_part_that_is_damaged_there_is_told_and_removed(machine: Machine) -> None:
    here = machine("a")
    append(here, 0, 3)
    append(here, 3, 5)
    bad = parts(here)[0]
    content = here.objects.read(bad)
    assert content
    here.objects.write(bad, content[:-4] + b"fool")
    there = machine("b")
    with pytest.warns(UserWarning, match=f"{bad} is damaged"):
        collection = Collection(there, ROWS)
    lacking = collection.missing(ids(0, 5))
    assert len(lacking) in (2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        collection.refresh()
        append(there, int(lacking[0]), int(lacking[-1]) + 1)
        assert Collection(machine("c"), ROWS).missing(ids(0, 5)) == []


def test_a_part_that_is_damaged_here_is_fetched_again(machine: Machine) -> None:
    here = machine("a")
    append(here, 0, 3)
    collection = Collection(here, ROWS)
    (path,) = collection.folder.glob("*.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[:-4] + b"fool")
    with pytest.warns(UserWarning, match="damaged"):
        collection.verify()
    assert len(parts(here)) == 1
    collection.refresh()
    assert path.read_bytes() == content
    assert collection.missing(ids(0, 3)) == []


@only_memory
def test_a_part_that_was_written_wrongly_is_not_fetched_for_ever(machine: Machine) -> None:
    here = machine("a")
    Collection(here, ROWS)._parts.write({"v": np.zeros(3, np.float32)}, 1.0)  # without ids
    assert len(parts(here)) == 1
    with pytest.warns(UserWarning, match="damaged"):
        Collection(machine("b"), ROWS)
    assert parts(here) == []


@only_memory
def test_damage_on_the_way_is_not_taken_for_damage_there(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    here.write(KEY, value())
    append(here, 0, 3)
    real, spoilt = there.objects.get, set[str]()

    def get(name: str, path: Path) -> bool:
        found = real(name, path)
        if name.endswith(".safetensors") and name not in spoilt:
            spoilt.add(name)
            path.write_bytes(b"spoilt")
        return found

    there.objects.get = get  # type: ignore[method-assign]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert same(there.read(KEY), value())
        assert Collection(there, ROWS).missing(ids(0, 3)) == []
    assert len(spoilt) == 2


@pytest.mark.parametrize("url", ["memory", "s3"], indirect=True)  # a disk is written to without fsspec
def test_what_could_not_be_put_is_put_by_who_opens_the_mirror_next(machine: Machine) -> None:
    here = machine("a")
    whole = here.objects
    here.objects = faulty(whole, lambda name: OSError("away") if name in ("put_file", "pipe_file") else None)
    with pytest.raises(StoreError, match="away"):
        here.write(KEY, value())
    with pytest.raises(StoreError, match="away"):
        append(here, 0, 3)
    assert whole.read(f"{place(KEY)}/meta.json") is None
    machine("a")
    there = machine("b")
    assert same(there.read(KEY), value())
    assert Collection(there, ROWS).missing(ids(0, 3)) == []
    assert list((here.root / "unshared").iterdir()) == []


def compute(url: str, cache: Path, report: Any) -> None:
    """In a process of its own, with a cache of its own: fetch the key, and tell whether it was computed here."""
    bench, computed = Workbench(opened(url, cache), Quiet(), lambda **facts: None), []

    def slowly(_: Any) -> Value:
        computed.append(1)
        time.sleep(1.0)
        return value(os.getpid() % 1000)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = bench.fetch(KEY, slowly)
    report.put((len(computed), float(made.arrays["v"][0, 0]), [str(w.message) for w in told]))


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


@pytest.mark.parametrize("after", [False, True])
def test_an_object_store_that_fails_at_times_changes_no_value(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    chance, failed = random.Random(7), 0

    def computed(number: int, _: Any) -> Value:
        return value(number)

    def fails(_: str) -> BaseException | None:
        nonlocal failed
        if chance.random() >= 1 / 20:
            return None
        failed += 1
        return OSError("reset")

    real = remote.connected
    monkeypatch.setattr(remote, "connected", lambda url: faulty(real(url), fails, after))
    benches = [Workbench(machine(name), Quiet(), lambda **facts: None) for name in "ab"]
    keys = [Key("retrieve", {"seed": seed}) for seed in range(6)]
    for number, key in enumerate(keys):
        made = benches[number % 2].fetch(key, partial(computed, number))
        found = benches[1 - number % 2].fetch(key, lambda _: pytest.fail("computed twice"))
        assert same(found, made)
        append(benches[number % 2].store, 10 * number, 10 * number + 4)
    assert all(len(Collection(bench.store, ROWS)) == 24 for bench in benches)
    assert failed > 0 or benches[0].store.url.startswith("file")


@only_memory
def test_a_store_that_may_not_be_used_says_so(machine: Machine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine("a").write(KEY, value())
    real, writing = remote.connected, {"pipe_file", "put_file", "rm_file"}

    def denied(name: str) -> BaseException | None:
        return PermissionError("AccessDenied") if name in writing else None

    monkeypatch.setattr(remote, "connected", lambda url: faulty(real(url), denied))
    reader = machine("b")
    assert same(reader.read(KEY), value())  # to read it is enough to be allowed to read
    with pytest.raises(StoreError, match=f"{url}.*AccessDenied") as caught:
        reader.write(Key("retrieve", {"seed": 1}), value())
    assert "Check the credentials" in caught.value.advice
    writing.add("cat_file")
    with pytest.raises(StoreError, match="AccessDenied"):
        machine("c")


@only_s3
def test_a_bucket_or_credentials_that_are_missing_are_named(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match=r"s3://nowhere/x: no such bucket"):
        opened("s3://nowhere/x", tmp_path)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreError, match="credentials") as caught:
        machine("a")
    assert "AWS_ACCESS_KEY_ID" in caught.value.advice


def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_STORE_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "s3fs", None)
    for name in ("s3", "s3a"):  # what an earlier test has imported
        monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, name, raising=False)
    with pytest.raises(StoreError, match="s3://bucket/x") as caught:
        remote.open_store("s3://bucket/x")
    assert "pip install 'reid-harness[s3]'" in caught.value.advice
    with pytest.raises(StoreError, match="nonsense"):
        remote.open_store("nonsense://bucket/x")


@only_memory
def test_a_mirror_is_of_one_store(machine: Machine, url: str) -> None:
    here = machine("a")
    with pytest.raises(StoreError, match="mirrors an object store"):
        Store(here.root)
    assert machine("a").root == remote.mirror(f"{url}/") == here.root
    here.objects.write("store.json", b'{"id": "another"}')  # the bucket was made anew
    with pytest.raises(StoreError, match="mirrors an earlier store") as caught:
        machine("a")
    assert f"rm -r {here.root}" in caught.value.advice


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


def gate(store: Store) -> Ran:
    grid = grids.expand(_gate(), Registry.load())
    data = load(grid.dataset, grid.protocol, store, Quiet())
    pipeline = Pipeline(store, data, "cpu", Quiet(), lambda **facts: None)
    return [ended.record for ended in runner.run(grid, data, pipeline)], pipeline


@pytest.mark.slow
@only_s3
def test_what_one_machine_has_run_another_finds(machine: Machine) -> None:
    here, there = machine("a"), machine("b")
    first, _ = gate(here)
    shutil.copytree(here.root / "datasets", there.root / "datasets", dirs_exist_ok=True)  # to draw it takes long
    second, pipeline = gate(there)
    assert [record.status for record in first] == ["ok"] * 25
    assert all(cached for record in second for cached in record.cached.values())
    assert any(not cached for record in first for cached in record.cached.values())
    assert [record.metrics for record in second] == [record.metrics for record in first]
    third = machine("c")  # one that makes a report
    shutil.copytree(here.root / "datasets", third.root / "datasets", dirs_exist_ok=True)
    cells = {cell.id: cell for cell in grids.expand(_gate(), Registry.load()).cells}
    for record in first[::6]:
        trace = find(third, record)
        assert trace is not None
        replay = Replay(third, pipeline.data, cells[record.cell], trace)
        assert replay.there()
        assert len(replay.final.order) == len(replay.query)
        assert len(replay.embeddings(replay.query).vectors) == len(replay.query)


def _gate() -> Any:
    return tomllib.loads(files("harness").joinpath("grids/gate.toml").read_text())
