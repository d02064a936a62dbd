"""What is damaged in a shared store, or on the way, is told and made again."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from machines import (
    KEY,
    ROWS,
    Machine,
    append,
    ids,
    only_memory,
    parts,
    place,
    same,
    value,
)

from harness.collection import Collection
from harness.progress import Quiet
from harness.workbench import Workbench

pytest.importorskip("fsspec", reason="needs fsspec")


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
