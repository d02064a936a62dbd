"""Collections: rows by id in append-only parts, order and repeats, damage, several writers."""

from __future__ import annotations

import errno
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.collection import Collection
from harness.errors import StoreError
from harness.store import Key, Store

KEY = Key("describe", {"code": "abc"})
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def names(*numbers: int) -> list[str]:
    return [f"{number:064x}" for number in numbers]


def rows(*numbers: int) -> dict[str, np.ndarray[Any, Any]]:
    n = np.array(numbers)
    return {
        "half": np.repeat(n[:, None], 3, axis=1).astype(np.float16),
        "whole": n.astype(np.int32),
        "cube": np.tile(n[:, None, None], (1, 2, 2)).astype(np.float32),
    }


def filled(store: Store, *parts: tuple[int, ...]) -> Collection:
    collection = Collection(store, KEY)
    for part in parts:
        collection.append(names(*part), rows(*part), 0.5)
    return collection


def verified(store: Store) -> Collection:
    collection = Collection(store, KEY)
    collection.verify()
    return collection


def check(collection: Collection, *numbers: int) -> None:
    got = collection.read(names(*numbers))
    for name, wanted in rows(*numbers).items():
        assert got[name].dtype == wanted.dtype
        np.testing.assert_array_equal(got[name], wanted)


def test_rows_come_back_in_the_order_asked_for_with_repeats(store: Store) -> None:
    collection = filled(store, (1, 2, 3), (4,), tuple(range(10, 40)))
    for reader in (collection, Collection(store, KEY)):
        check(reader, 4, 1, 30, 1, 2, 10, 39)
        check(reader, *range(10, 40))  # a whole part
        check(reader, 25)  # one row of a large part
        assert len(reader) == 34
        assert reader.seconds_each() == pytest.approx(1.5 / 34)


def test_missing_ids_are_told_once_and_in_order(store: Store) -> None:
    collection = filled(store, (1, 2))
    assert collection.missing(names(5, 1, 9, 5, 2, 3)) == names(5, 9, 3)
    assert collection.missing([]) == []
    with pytest.raises(KeyError):
        collection.read(names(5))
    assert collection.read([]) == {}


def test_an_empty_append_writes_nothing(store: Store) -> None:
    collection = filled(store)
    collection.append([], rows(), 1.0)
    assert len(Collection(store, KEY)) == 0
    assert list(store.root.glob("collections/**/*.safetensors")) == []


@pytest.mark.parametrize("ids", [["aa", "b"], ["", ""], ["aa", "bbb"]])
def test_ids_must_have_one_length(store: Store, ids: list[str]) -> None:
    with pytest.raises(ValueError, match="ids of a collection must have one length"):
        Collection(store, KEY).append(ids, rows(1, 2), 1.0)


def test_arrays_must_have_a_row_for_each_id(store: Store) -> None:
    with pytest.raises(ValueError, match="array 'half' has 3 rows for 2 ids"):
        Collection(store, KEY).append(names(1, 2), rows(1, 2, 3), 1.0)
    with pytest.raises(ValueError, match="ascii"):
        Collection(store, KEY).append(["ä", "ö"], rows(1, 2), 1.0)


def test_empty_arrays_per_row_survive(store: Store) -> None:
    collection = Collection(store, KEY)
    collection.append(names(1, 2), {"none": np.empty((2, 0, 4), np.float32)}, 1.0)
    assert Collection(store, KEY).read(names(2))["none"].shape == (1, 0, 4)


@pytest.mark.parametrize("how", ["flip", "cut", "empty", "header"])
def test_a_damaged_part_is_reported_left_out_and_computed_again(store: Store, how: str) -> None:
    filled(store, (1, 2), (3, 4))
    (part,) = [path for path in store.root.glob("collections/*/*/*.safetensors") if _holds(store, path, 3)]
    content = bytearray(part.read_bytes())
    content[-1] ^= 0xFF
    part.write_bytes({"flip": bytes(content), "cut": bytes(content[:-9]), "empty": b"", "header": b"\xff" * 40}[how])
    with pytest.warns(UserWarning, match="a part of describe .* is damaged"):
        again = verified(store)
    assert again.missing(names(1, 2, 3, 4)) == names(3, 4)
    check(again, 2, 1)
    again.append(names(3, 4), rows(3, 4), 0.5)
    check(Collection(store, KEY), 4, 3, 2, 1)
    assert [p.name.startswith("damaged-") for p in (store.root / "tmp").iterdir()] == [True]


def test_damage_that_another_process_has_cleared_away_is_no_error(store: Store) -> None:
    filled(store, (1, 2), (3, 4))
    first, second = Collection(store, KEY), Collection(store, KEY)
    (part,) = [path for path in store.root.glob("collections/*/*/*.safetensors") if _holds(store, path, 3)]
    part.write_bytes(part.read_bytes()[:-9] + b"123456789")
    with pytest.warns(UserWarning, match="damaged"):
        first.verify()
    second.verify()
    assert first.missing(names(1, 3)) == second.missing(names(1, 3)) == names(3)


def _holds(store: Store, path: Path, number: int) -> bool:
    return Collection(store, KEY)._where[names(number)[0]][0] == path


def test_a_part_that_is_no_collection_is_damage(store: Store) -> None:
    from safetensors.numpy import save_file

    collection = filled(store, (1,))
    save_file({"other": np.zeros(3)}, collection.folder / "0.safetensors")
    save_file({"__ids__": np.zeros(3, np.uint8)}, collection.folder / "1.safetensors")
    with pytest.warns(UserWarning, match="damaged"):
        again = Collection(store, KEY)
    assert len(again) == 1


def test_a_writer_killed_in_the_middle_loses_its_part_only(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = filled(store, (1, 2))

    def killed(descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            collection.append(names(3), rows(3), 1.0)
    for reader in (collection, Collection(store, KEY)):
        assert reader.missing(names(1, 2, 3)) == names(3)


def test_a_full_disk_is_explained_and_the_rows_stay_missing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = filled(store, (1, 2))

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="disk is full"):
            collection.append(names(3), rows(3), 1.0)
    assert collection.missing(names(3)) == names(3)
    assert len(list(collection.folder.iterdir())) == 2  # key.json and the first part
    collection.append(names(3), rows(3), 1.0)
    check(Collection(store, KEY), 1, 2, 3)


def test_what_another_writer_adds_is_seen_after_a_refresh(store: Store) -> None:
    mine, other = Collection(store, KEY), Collection(store, KEY)
    other.append(names(1, 2), rows(1, 2), 1.0)
    assert mine.missing(names(1, 2)) == names(1, 2)
    mine.refresh()
    check(mine, 2, 1)
    mine.append(names(2, 3), rows(2, 3), 1.0)  # a row that both computed counts once
    other.refresh()
    assert len(mine) == len(other) == 3
    check(other, 3, 2, 1)


def test_parts_that_somebody_cleared_away_are_forgotten(store: Store) -> None:
    collection = filled(store, (1, 2), (3,))
    (part,) = [path for path in store.root.glob("collections/*/*/*.safetensors") if _holds(store, path, 3)]
    part.unlink()
    collection.refresh()
    assert collection.missing(names(1, 2, 3)) == names(3)
    assert len(collection) == 2
    check(collection, 2, 1)


def append_many(root: Path, start: int) -> None:
    collection = Collection(Store(root), KEY)
    for number in range(start, start + 20):
        collection.append(names(number, 1000 + number), rows(number, 1000 + number), 0.1)


def test_two_processes_that_append_lose_nothing(store: Store) -> None:
    both = [SPAWN.Process(target=append_many, args=(store.root, start)) for start in (0, 10)]  # half of it is shared
    for process in both:
        process.start()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    collection = verified(store)
    assert len(collection) == 60
    check(collection, *range(30), *range(1000, 1030))


def test_reading_marks_the_collection_as_used(store: Store) -> None:
    collection = filled(store, (1,))
    os.utime(collection.folder, (1, 1))
    check(collection, 1)
    assert collection.folder.stat().st_mtime > 1000
