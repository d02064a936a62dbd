"""Embeddings in the plane: the same for a seed, kept, and bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.report import projection
from harness.report.projection import projected, spread
from harness.store import Store
from harness.types import Embeddings


def vectors(n: int) -> Embeddings:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, 8)) + np.repeat(np.eye(8)[:2] * 9, [n // 2, n - n // 2], axis=0)
    norms = np.linalg.norm(rows, axis=1)
    return Embeddings(np.arange(n).astype(str), (rows / norms[:, None]).astype(np.float32), norms.astype(np.float32))


def test_the_map_is_the_same_for_a_seed_and_parts_what_is_apart(tmp_path: Path) -> None:
    first, second = (projected(Store(tmp_path / name), "e", vectors(40)) for name in "ab")
    assert np.array_equal(first, second)
    assert first.shape == (40, 2)
    centres = first[:20].mean(axis=0), first[20:].mean(axis=0)
    own = np.linalg.norm(first[:20] - centres[0], axis=1).max()
    assert np.linalg.norm(centres[0] - centres[1]) > own


def test_it_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    first = projected(store, "e", vectors(12))
    monkeypatch.setattr(projection, "_placed", lambda _: pytest.fail("computed again"))
    assert np.array_equal(projected(store, "e", vectors(12)), first)


def test_too_few_photographs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="4 photographs"):
        projected(Store(tmp_path), "e", vectors(4))
    assert projected(Store(tmp_path), "e", vectors(5)).shape == (5, 2)


def test_every_individual_is_there_before_a_second_photograph_of_any_is() -> None:
    identity = np.array(["a"] * 5 + ["b"] * 3 + ["c"])
    first = np.array([False] * 4 + [True] + [False] * 2 + [True, False])
    assert spread(identity, first, 2).tolist() == [4, 7]
    assert set(identity[spread(identity, first, 3)]) == {"a", "b", "c"}
    assert spread(identity, first, 100).tolist() == list(range(9))
