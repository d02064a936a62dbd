"""Many small files of a list of pairs become one: nothing is lost, whoever reads, writes or dies meanwhile."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness import pair_parts, parts
from harness.packed import PairSummary
from harness.pair_table import PairTable
from harness.pairs import Pairs
from harness.store import Key, Store

KEY = Key("match", {"code": "abc"})
DIGESTS = np.array([f"{number:064x}" for number in range(40)])


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_parts, "MANY", 4)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def opened(store: Store, digests: NDArray[np.str_] = DIGESTS) -> Pairs:
    return Pairs(store, KEY, digests, symmetric=False)


def append(pairs: Pairs, *firsts: int) -> None:
    """A part for each: the pairs of one image with all others; what is found on them says which they are."""
    size = len(pairs.digests)
    for first in firsts:
        codes = pairs.codes(np.full(size, first), np.arange(size))
        pairs.keypoints[:] = np.arange(size)
        pairs.append(codes, PairSummary(*(codes + k for k in np.float32([0, 0.25, 0.5]))), 2.0)


def holds(pairs: Pairs, *firsts: int) -> None:
    size = len(pairs.digests)
    codes = np.concatenate([pairs.codes(np.full(size, first), np.arange(size)) for first in firsts])
    found = pairs.read(codes)
    assert found.count.tolist() == codes.tolist()
    assert found.inliers.tolist() == (codes + 0.5).tolist()
    assert pairs.keypoints.tolist() == list(range(size))
    assert len(pairs) == len(codes)
    assert pairs.seconds_each() == pytest.approx(2.0 / size)


def files(store: Store) -> list[Path]:
    return sorted(store.root.glob("collections/match/*/*.safetensors"))


def test_small_files_become_one_and_every_reader_sees_the_same(store: Store) -> None:
    writer, reader = opened(store), opened(store)
    append(writer, 0, 1, 2)
    writer.tidy()
    assert len(files(store)) == 3, "three are not many"
    reader.refresh()
    append(writer, 3, 4)
    writer.tidy()
    assert len(files(store)) == 1
    reader.refresh()
    for pairs in (writer, reader, opened(store)):
        holds(pairs, 0, 1, 2, 3, 4)
    append(reader, 5)
    writer.refresh()
    holds(writer, 0, 1, 2, 3, 4, 5)
    assert list((store.root / "tmp").iterdir()) == []


def test_files_of_every_size_stay_few(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = opened(store)
    append(pairs, 0)
    small = files(store)[0].stat().st_size
    monkeypatch.setattr(pair_parts, "SIZES", (small + 1, 3 * small))
    for first in range(1, 30):
        append(pairs, first)
        pairs.tidy()
        assert len(files(store)) < 2 * 4 + first / 8
    assert max(path.stat().st_size for path in files(store)) < 9 * small, "what is large stays"
    holds(opened(store), *range(30))


def test_pairs_of_other_images_are_kept(store: Store) -> None:
    append(opened(store), 0, 1, 2, 3)
    other = opened(store, np.append(DIGESTS[:2], "f" * 64))
    other.tidy()
    assert len(files(store)) == 1
    holds(opened(store), 0, 1, 2, 3)


def test_a_pair_that_two_have_matched_is_kept_once(store: Store) -> None:
    mine, other = opened(store), opened(store)
    append(mine, 0, 1, 2)
    append(other, 2, 3)
    mine.refresh()
    mine.tidy()
    (part,) = files(store)
    assert len(parts.mapped(part)[0]["count"]) == 4 * len(DIGESTS)
    assert len(opened(store)) == 4 * len(DIGESTS)


@pytest.mark.parametrize("moment", ["mapped", "checksum"])
def test_what_vanishes_before_it_is_read_is_found_in_what_came_since(
    store: Store, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    writer, reader = opened(store), opened(store)
    append(writer, 0, 1, 2, 3)
    read = getattr(parts, moment)

    def late(path: Path) -> Any:
        writer.tidy()
        return read(path)

    monkeypatch.setattr(parts, moment, late)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.refresh()
    assert len(files(store)) == 1
    holds(reader, 0, 1, 2, 3)


def test_a_file_that_is_listed_and_never_there_is_not_looked_for_for_ever(store: Store) -> None:
    append(opened(store), 0)
    (files(store)[0].parent / f"{'a' * 64}.safetensors").symlink_to("nowhere")
    holds(opened(store), 0)


def test_a_file_that_is_gone_before_they_are_put_together_leaves_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = opened(store)
    append(pairs, 0, 1, 2, 3)
    monkeypatch.setattr(Store, "current", lambda self, folder, paths: files(store)[1].unlink() or list(paths))
    monkeypatch.setattr(pair_parts, "_size", lambda path: 1)
    pairs.tidy()
    assert len(files(store)) == 3


def test_a_damaged_file_is_left_out_and_the_others_become_one(store: Store) -> None:
    append(opened(store), 0, 1, 2, 3, 4)
    damaged = files(store)[2]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\0")
    with pytest.warns(UserWarning, match="a part of match .* is damaged"):
        pairs = opened(store)
    pairs.tidy()
    assert len(files(store)) == 1
    assert len(opened(store)) == 4 * len(DIGESTS)


def test_one_process_at_a_time_tidies(store: Store) -> None:
    pairs = opened(store)
    append(pairs, 0, 1, 2, 3)
    with store.lock(KEY, ".tidy"):
        pid = os.fork()
        if not pid:
            opened(store).tidy()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert len(files(store)) == 4
    pairs.tidy()
    assert len(files(store)) == 1


@pytest.mark.parametrize("kills", range(1, 5))
def test_who_is_killed_while_tidying_leaves_every_pair(store: Store, kills: int) -> None:
    append(opened(store), 0, 1, 2, 3)
    pid = os.fork()
    if not pid:  # killed before it removes one file or another
        dropped = Store.drop

        def dying(self: Store, path: Path, left: list[int] = [kills]) -> None:  # noqa: B006
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            dropped(self, path)

        Store.drop = dying  # type: ignore[method-assign]
        opened(store).tidy()
        sys.exit("it was not killed")
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    assert len(files(store)) == 6 - kills
    pairs = opened(store)
    assert len(pairs) == 4 * len(DIGESTS)
    pairs.tidy()
    append(pairs, 4, 5, 6, 7)
    pairs.tidy()
    assert len(files(store)) < 4
    assert len(opened(store)) == 8 * len(DIGESTS)


@given(st.lists(st.lists(st.integers(0, 60), max_size=30), max_size=12), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_a_table_is_a_dictionary(portions: list[list[int]], asked: int) -> None:
    table, expected = PairTable(2), dict[int, float]()
    for number, portion in enumerate(portions):
        scores = np.float32([[100 * number + place, 1] for place in range(len(portion))]).reshape(-1, 2)
        table.add(np.array(portion, np.int64), scores)
        for code, score in zip(portion, scores[:, 0].tolist(), strict=True):
            expected.setdefault(code, score)
        if number % 2:
            assert len(table) == len(expected)
        codes = np.array([asked, *portion], np.int64)
        assert table.there(codes).tolist() == [code in expected for code in codes.tolist()]
    codes = np.array(list(expected), np.int64)
    assert table.read(codes)[:, 0].tolist() == list(expected.values())
    runs = [len(run.codes) for run in table._runs]
    assert all(first >= 2 * second for first, second in itertools.pairwise(runs)), "few, and longer ones first"
    if asked not in expected:
        with pytest.raises(KeyError, match="1 pairs"):
            table.read(np.array([asked]))
