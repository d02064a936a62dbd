"""Small files of a list of pairs become one in a shared store, too."""

from __future__ import annotations

import numpy as np
import pytest
from machines import Machine

from harness import pair_parts
from harness.packed import PairSummary
from harness.pairs import Pairs
from harness.remote import RemoteStore
from harness.store import Key

pytest.importorskip("fsspec", reason="needs fsspec")

KEY = Key("match", {"code": "abc"})
DIGESTS = np.array([f"{number:064x}" for number in range(40)])


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_parts, "MANY", 4)


def opened(store: RemoteStore) -> Pairs:
    return Pairs(store, KEY, DIGESTS, symmetric=False)


def append(pairs: Pairs, *firsts: int) -> None:
    pairs.keypoints[:] = 1
    for first in firsts:
        codes = pairs.codes(np.full(40, first), np.arange(40))
        pairs.append(codes, PairSummary(*np.float32([codes, codes, codes])), 1.0)


def parts(store: RemoteStore) -> set[str]:
    return {name for name in store.objects.names(f"collections/match/{KEY.digest}") if name != "key.json"}


def here(pairs: Pairs) -> set[str]:
    return {path.name for path in pairs._parts.folder.glob("*.safetensors")}


def test_what_one_machine_has_put_together_another_does_not_put_together_again(machine: Machine) -> None:
    mine, other = opened(machine("a")), opened(machine("b"))
    append(mine, 0, 1, 2, 3)
    other.refresh()
    assert len(here(other)) == 4
    mine.tidy()
    assert len(parts(machine("a"))) == 1
    other.refresh()
    assert len(here(other)) == 5
    before = parts(machine("a"))
    other.tidy()
    assert parts(machine("a")) == before == here(other)
    append(other, 4)
    third = opened(machine("c"))
    for pairs in (other, third):
        assert len(pairs) == 5 * 40
        assert pairs.seconds_each() == pytest.approx(1 / 40)


def test_an_object_that_vanishes_before_it_is_fetched_is_found_in_what_came_since(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, store = opened(machine("a")), machine("b")
    append(mine, 0, 1, 2, 3)
    got, late = store.objects.get, [mine.tidy]

    def get(name: str, *more: object) -> bool:
        if name.endswith(".safetensors") and late:
            late.pop()()
        return got(name, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(store.objects, "get", get)
    other = opened(store)
    assert len(other) == 4 * 40
    assert parts(store) <= here(other)


def test_an_object_that_is_listed_and_never_there_is_not_looked_for_for_ever(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(opened(machine("a")), 0)
    store = machine("b")
    names = store.objects.names
    monkeypatch.setattr(store.objects, "names", lambda folder: [*names(folder), f"{'a' * 64}.safetensors"])
    assert len(opened(store)) == 40
