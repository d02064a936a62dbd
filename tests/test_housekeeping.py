"""Looking after the store: listing, why two keys differ, and freeing space without hurting anybody."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from harness.collection import Collection
from harness.errors import StoreError
from harness.housekeeping import collect_garbage, difference, entries
from harness.store import Key, Store, Value

TRAIN = Key("train", {"seed": 0, "settings": {"lr": 0.1, "ks": [1, 5]}})
OTHER = Key("train", {"seed": 0, "settings": {"lr": 0.2, "ks": [1, 6], "new": True}})
DESCRIBE = Key("describe", {"code": "x"})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    for key in (TRAIN, OTHER):
        made.write(key, Value({"a": np.zeros(1000, np.float32)}))
    Collection(made, DESCRIBE).append(["aa", "bb"], {"v": np.zeros((2, 500), np.float32)}, 1.0)
    return made


def aged(path: Path, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(path, (then, then))


def folder(store: Store, key: Key) -> Path:
    return store.path(key) if key.stage == "train" else store.root / "collections" / key.stage / key.digest


def stages(store: Store) -> list[str]:
    return [entry.stage for entry in entries(store)]


def test_everything_is_listed_with_its_size_and_age(store: Store) -> None:
    aged(store.path(OTHER), 3)
    found = entries(store)
    assert [(e.stage, e.digest) for e in found] == [
        ("describe", DESCRIBE.digest),
        ("train", TRAIN.digest),
        ("train", OTHER.digest),
    ]
    assert all(4000 < entry.bytes < 6000 for entry in found)
    assert found[2].age_days == pytest.approx(3, abs=0.01)
    assert str(store.root) not in str([entry.as_json() for entry in found])
    assert entries(Store(store.root / "empty")) == []


def test_a_damaged_key_does_not_stop_the_list(store: Store) -> None:
    (store.path(TRAIN) / "key.json").write_text("{")
    assert stages(store) == ["describe", "train", "train"]
    with pytest.raises(StoreError, match=r"the key of .* cannot be read"):
        difference(store, TRAIN.digest, OTHER.digest)


def test_why_two_keys_differ(store: Store) -> None:
    assert difference(store, TRAIN.digest[:8], OTHER.digest) == [
        ("settings.ks.1", 5, 6),
        ("settings.lr", 0.1, 0.2),
        ("settings.new", None, True),
    ]
    assert difference(store, TRAIN.digest, TRAIN.digest) == []
    assert ("stage", "train", "describe") in difference(store, TRAIN.digest, DESCRIBE.digest)


def test_a_head_must_name_one_entry(store: Store) -> None:
    with pytest.raises(StoreError, match="no entry of the store starts with 'zzz'"):
        difference(store, "zzz", TRAIN.digest)
    with pytest.raises(StoreError, match="3 entries"):
        difference(store, "", TRAIN.digest)


def test_leftovers_go_when_they_are_old(store: Store) -> None:
    for name, days in (("old-folder", 1.0), ("young-folder", 0.0)):
        (store.root / "tmp" / name).mkdir()
        (store.root / "tmp" / name / "part").write_bytes(b"1234")
        aged(store.root / "tmp" / name, days)
    (store.root / "tmp" / "old-file").write_bytes(b"123")
    aged(store.root / "tmp" / "old-file", 1)
    assert collect_garbage(store, None, dry_run=True) == (7, 2)
    assert len(list((store.root / "tmp").iterdir())) == 3
    assert collect_garbage(store, None, dry_run=False) == (7, 2)
    assert [path.name for path in (store.root / "tmp").iterdir()] == ["young-folder"]
    assert len(entries(store)) == 3


def test_entries_unused_for_long_go_with_their_unfinished_states(store: Store) -> None:
    store.checkpoint(OTHER).save(b"half")
    store.checkpoint(TRAIN).save(b"half")
    for path in (store.path(OTHER), folder(store, DESCRIBE), store.checkpoint(OTHER).path):
        aged(path, 40)
    size, count = collect_garbage(store, 30, dry_run=True)
    assert count == 3
    assert len(entries(store)) == 3
    assert collect_garbage(store, 30, dry_run=False) == (size, count)
    assert [entry.digest for entry in entries(store)] == [TRAIN.digest]
    assert store.checkpoint(OTHER).load() is None
    assert store.checkpoint(TRAIN).load() == b"half"
    assert Collection(store, DESCRIBE).missing(["aa"]) == ["aa"]
    assert list((store.root / "tmp").iterdir()) == []


def test_what_is_read_stays(store: Store) -> None:
    for key in (TRAIN, OTHER, DESCRIBE):
        aged(folder(store, key), 40)
    store.read(TRAIN)
    Collection(store, DESCRIBE).read(["aa"])
    collect_garbage(store, 30, dry_run=False)
    assert stages(store) == ["describe", "train"]


def test_everything_goes_but_what_is_being_computed(store: Store) -> None:
    store.checkpoint(OTHER).save(b"half")
    with store.lock(OTHER):
        assert collect_garbage(store, 0.0, dry_run=False)[1] == 2
        assert [entry.digest for entry in entries(store)] == [OTHER.digest]
        assert store.checkpoint(OTHER).load() == b"half"
    assert collect_garbage(store, 0.0, dry_run=False)[1] == 2
    assert entries(store) == []


def test_a_store_is_usable_after_it_was_emptied(store: Store) -> None:
    collect_garbage(store, 0.0, dry_run=False)
    store.write(TRAIN, Value({}))
    assert store.read(TRAIN) is not None


def test_what_reports_are_made_of_goes_by_its_last_use(store: Store) -> None:
    paths = [store.root / "traces" / "p" / "cell.json", store.root / "thumbnails" / "128" / "ab" / "abc.webp"]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_bytes(b"12345")
        aged(path, 5)
    collect_garbage(store, 6, dry_run=False)
    assert all(path.is_file() for path in paths)
    assert collect_garbage(store, 4, dry_run=False) == (10, 2)
    assert not any(path.is_file() for path in paths)
