"""A shared store that fails, refuses or is not there: said, and nothing is lost."""

from __future__ import annotations

import random
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from machines import (
    KEY,
    ROWS,
    Machine,
    append,
    ids,
    only_memory,
    only_s3,
    opened,
    place,
    same,
    value,
)
from s3 import faulty

from harness import remote
from harness.collection import Collection
from harness.errors import StoreError
from harness.progress import Quiet
from harness.store import Key, Store, Value
from harness.workbench import Workbench

pytest.importorskip("fsspec", reason="needs fsspec")


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
