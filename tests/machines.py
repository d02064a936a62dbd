"""Machines that share a store at a URL, each with a mirror of its own."""

from __future__ import annotations

import multiprocessing
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness import remote
from harness.collection import Collection
from harness.progress import Quiet
from harness.store import Key, Store, Value
from harness.workbench import Workbench

KEY = Key("retrieve", {"seed": 0})
ROWS = Key("embed", {"code": "x"})
SPAWN = multiprocessing.get_context("spawn")
Machine = Callable[[str], remote.RemoteStore]


def opened(url: str, cache: Path) -> remote.RemoteStore:
    """The store at a URL as a machine sees it whose cache is this folder."""
    os.environ["HARNESS_STORE_CACHE"] = str(cache)
    store = remote.open_store(url)
    assert isinstance(store, remote.RemoteStore)
    return store


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
