"""The store: whole or nothing, checked when read, one computation a key, and failures that say what to do."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import store as store_module
from harness.errors import CellFailed, StoreError
from harness.progress import Quiet
from harness.store import Key, Store, Value
from harness.workbench import Workbench

KEY = Key("embed", {"code": "abc", "settings": {"size": 64}})
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def value(number: float = 1.0) -> Value:
    arrays = {
        "half": np.full((2, 3), number, np.float16),
        "whole": np.arange(4, dtype=np.int32),
        "yes": np.array([True, False]),
        "turned": np.arange(6.0).reshape(2, 3).T,
        "single": np.array(3.0),
        "none": np.empty((0, 5), np.float32),
    }
    return Value(arrays, {"classes": ["ä", "b"], "loss": 0.5}, 1.25)


def leftovers(store: Store) -> list[Path]:
    return [p for p in store.root.rglob("*") if p.is_file() and p.suffix != ".lock"]


def test_a_value_comes_back_as_it_was(store: Store) -> None:
    assert store.read(KEY) is None
    store.write(KEY, value())
    back = store.read(KEY)
    assert back is not None
    for name, array in value().arrays.items():
        assert back.arrays[name].dtype == array.dtype
        assert back.arrays[name].shape == array.shape
        np.testing.assert_array_equal(back.arrays[name], array)
    assert (back.info, back.seconds) == (value().info, 1.25)
    assert json.loads((store.path(KEY) / "key.json").read_text())["settings"] == {"size": 64}
    assert list((store.root / "tmp").iterdir()) == []


def test_a_key_changes_with_each_of_its_parts() -> None:
    others = [Key("train", KEY.parts), Key("embed", {**KEY.parts, "code": "abd"}), Key("embed", {"code": "abc"})]
    assert len({key.digest for key in [KEY, *others]}) == 4
    assert Key("embed", dict(reversed(KEY.parts.items()))).digest == KEY.digest


def test_an_existing_value_stays(store: Store) -> None:
    store.write(KEY, value(1))
    store.write(KEY, value(2))
    back = store.read(KEY)
    assert back is not None
    assert back.arrays["half"][0, 0] == 1


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_writer_killed_in_the_middle_leaves_nothing_readable(
    store: Store, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    calls = []
    plain = os.fsync

    def killed(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > after:
            os.kill(os.getpid(), 0)  # where kill -9 would strike
            raise KeyboardInterrupt
        plain(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        patch.setattr(store_module.shutil, "rmtree", lambda *a, **k: None)  # a killed process cleans nothing up
        with pytest.raises(KeyboardInterrupt):
            store.write(KEY, value())
    assert not store.has(KEY)
    assert store.read(KEY) is None
    store.write(KEY, value())
    assert store.read(KEY) is not None


@pytest.mark.parametrize("name", ["arrays.safetensors", "info.json", "key.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_value_is_reported_moved_aside_and_missing(store: Store, name: str, damage: str) -> None:
    store.write(KEY, value())
    damaged(store.path(KEY) / name, damage)
    with pytest.warns(UserWarning, match="embed .* is damaged"):
        assert store.read(KEY) is None
    assert not store.has(KEY)
    assert [p.name.startswith("damaged-") for p in (store.root / "tmp").iterdir()] == [True]
    store.write(KEY, value())
    assert store.read(KEY) is not None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"sha256": 3}', '{"sha256": {}, "seconds": 1}'])
def test_a_damaged_description_is_damage_too(store: Store, text: str) -> None:
    store.write(KEY, value())
    (store.path(KEY) / "meta.json").write_text(text)
    with pytest.warns(UserWarning, match="damaged"):
        assert store.read(KEY) is None


def test_what_is_left_of_a_value_without_its_description_is_replaced(store: Store) -> None:
    store.write(KEY, value(1))
    (store.path(KEY) / "meta.json").unlink()
    assert store.read(KEY) is None
    store.write(KEY, value(2))
    back = store.read(KEY)
    assert back is not None
    assert back.arrays["half"][0, 0] == 2


@pytest.mark.parametrize(
    ("code", "advice"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission"), (errno.EDQUOT, "quota")],
)
@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_disk_that_refuses_is_explained_and_nothing_half_written_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch, code: int, advice: str, call: str
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(*{"fsync": (os, "fsync"), "rename": (Path, "rename")}[call], refuse)
        with pytest.raises(StoreError) as caught:
            store.write(KEY, value())
        checkpoint = store.checkpoint(KEY)
        if call == "fsync":
            with pytest.raises(StoreError, match="store"):
                checkpoint.save(b"state")
    assert advice in caught.value.advice
    assert "--store" in caught.value.advice
    assert os.strerror(code) in caught.value.problem
    assert leftovers(store) == []
    assert store.read(KEY) is None


def test_a_store_that_cannot_be_made_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--store"):
        Store(tmp_path / "file")
    with pytest.raises(StoreError, match="--store"):
        Store(tmp_path / "file" / "store")

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match="read-only"):
        Store(tmp_path / "new")


def test_a_value_that_may_not_be_read_is_not_taken_for_damaged(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(KEY, value())

    def refuse(*_: Any) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(StoreError, match="Permission denied"):
            store.read(KEY)
    assert store.read(KEY) is not None


def test_values_that_are_no_plain_data_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.write(KEY, Value({}, {"loss": float("nan")}))
    with pytest.raises(Exception, match=r"(?i)dtype|object|invalid"):
        store.write(KEY, Value({"a": np.array([object()])}))
    assert leftovers(store) == []


def test_an_unfinished_state_is_kept_whole_and_checked(store: Store) -> None:
    checkpoint = store.checkpoint(KEY)
    assert checkpoint.load() is None
    checkpoint.save(b"first")
    checkpoint.save(b"second")
    assert store.checkpoint(KEY).load() == b"second"
    damaged(checkpoint.path, "flip")
    with pytest.warns(UserWarning, match="begins anew"):
        assert checkpoint.load() is None
    checkpoint.save(b"")
    assert checkpoint.load() == b""
    checkpoint.remove()
    checkpoint.remove()
    assert leftovers(store) == []


def test_an_unfinished_state_survives_a_writer_that_is_killed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = store.checkpoint(KEY)
    checkpoint.save(b"first")

    def killed(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.save(b"second")
    assert checkpoint.load() == b"first"


def bench(root: Path) -> Workbench:
    return Workbench(Store(root), Quiet(), lambda **facts: None)


def test_a_failure_is_never_cached(store: Store) -> None:
    def fails(_: Any) -> Value:
        raise CellFailed("the loss is not finite")

    for _ in range(2):
        with pytest.raises(CellFailed):
            bench(store.root).fetch(KEY, fails)
        assert not store.has(KEY)
        assert leftovers(store) == []
    assert bench(store.root).fetch(KEY, lambda _: value()).info == value().info
    assert store.has(KEY)


def compute(root: Path, report: Any) -> None:
    """In a process of its own: fetch the key, and tell whether it was computed here and how often one had to wait."""
    computed = []

    def slowly(_: Any) -> Value:
        computed.append(os.getpid())
        time.sleep(1.0)
        return value(os.getpid() % 1000)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = bench(root).fetch(KEY, slowly)
    report.put((len(computed), float(made.arrays["half"][0, 0]), [str(w.message) for w in told]))


def test_two_processes_that_want_one_key_compute_it_once(tmp_path: Path) -> None:
    report = SPAWN.Queue()
    both = [SPAWN.Process(target=compute, args=(tmp_path / "store", report)) for _ in range(2)]
    for process in both:
        process.start()
    answers = [report.get(timeout=60) for _ in both]
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    assert sorted(computed for computed, _, _ in answers) == [0, 1]
    assert answers[0][1] == answers[1][1]
    for computed, _, told in answers:
        assert computed or any("another process computes embed" in text for text in told)


def hold(root: Path, held: Any) -> None:
    with Store(root).lock(KEY):
        held.set()
        time.sleep(600)


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_the_lock_of_a_killed_process_is_free(store: Store) -> None:
    held = SPAWN.Event()
    holder = SPAWN.Process(target=hold, args=(store.root, held))
    holder.start()
    wait_for(held.is_set)
    assert holder.pid
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    began = time.monotonic()
    with store.lock(KEY):
        assert time.monotonic() - began < 5


def test_a_read_marks_the_value_as_used(store: Store) -> None:
    store.write(KEY, value())
    os.utime(store.path(KEY), (1, 1))
    store.read(KEY)
    assert time.time() - store.path(KEY).stat().st_mtime < 60


def damaged(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "remove":
        path.unlink()
        return
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content if how == "flip" else content[: len(content) // 2]))
