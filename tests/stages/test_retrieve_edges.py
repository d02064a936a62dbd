"""Retrieval at its edges: the first place of a group, and how the queries are shared out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from harness.stages import nearest
from harness.stages import retrieve as stage
from harness.stages.retrieve import _tasks, retrieve
from harness.types import Embeddings


def test_among_copies_of_one_image_no_query_finds_itself() -> None:
    ids = np.array([f"g{i}" for i in range(80)])  # more than a shortlist and its spare: all are looked at
    copies = Embeddings(ids, np.full((80, 4), 0.5, np.float32), np.ones(80, np.float32))
    found = retrieve(copies, copies, 5, np.full(80, ""), np.full(80, ""))
    assert (found.order >= 0).all()
    assert not (found.order == np.arange(80)[:, None]).any()


def test_places_are_int32_and_scores_float64() -> None:
    one = Embeddings(np.array(["a"]), np.ones((1, 1), np.float32), np.ones(1, np.float32))
    two = Embeddings(np.array(["b", "c"]), np.ones((2, 1), np.float32), np.ones(2, np.float32))
    found = retrieve(one, two, 5, np.array([""]), np.array(["", ""]))
    assert (found.order.dtype, found.scores.dtype) == (np.int32, np.float64)


@pytest.mark.parametrize(
    ("asked", "most", "cores", "sizes"),
    [(100, 30, 2, [25] * 4), (7, 30, 2, [4, 3]), (61, 30, 2, [16, 16, 16, 13]), (5, 1, 1, [1] * 5), (1, 9, 4, [1])],
)
def test_every_core_has_as_many_blocks_as_the_others_and_none_is_too_large(
    asked: int, most: int, cores: int, sizes: list[int]
) -> None:
    group: Any = SimpleNamespace(asked=np.arange(asked))
    tasks = list(_tasks(iter([group]), most, cores))
    assert [len(group.asked[part]) for _, part in tasks] == sizes
    assert np.array_equal(np.concatenate([group.asked[part] for _, part in tasks]), group.asked)
    assert all(found is group for found, _ in tasks)


@pytest.mark.parametrize(
    ("k", "block", "cells", "sizes"),
    [(1, 1, 1 << 20, [1] * 6), (1, 1024, 3, [3, 3]), (2, 1024, 7, [3, 3]), (2, 4, 1 << 20, [3, 3]), (6, 9, 1, [1] * 6)],
)
def test_blocks_are_as_large_as_the_candidates_allow(
    k: int, block: int, cells: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    find, seen = nearest.nearest, list[int]()

    def watched(rows: Any, *given: Any, gallery: Any) -> Any:
        seen.append(len(rows))
        return find(rows, *given, gallery=gallery)

    monkeypatch.setattr(stage, "CELLS", cells)
    monkeypatch.setattr(nearest, "nearest", watched)
    ids = np.array([f"g{i}" for i in range(6)])
    images = Embeddings(ids, np.eye(6, dtype=np.float32), np.ones(6, np.float32))
    with threadpool_limits(1, "blas"):
        retrieve(images, images, k, np.full(6, ""), np.full(6, ""), block=block)
    assert seen == sizes
