"""The float32 half of retrieval misses nobody: its margin holds, and what it keeps is exact to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from harness.stages import nearest as stage
from harness.stages.nearest import NONE, finder, near, slack, whole_float32
from harness.types import Floats

DEVICES = pytest.mark.parametrize("device", ["cpu", "cpu:0"], ids=["numpy", "as on a card"])


def units(n: int, seed: int, dim: int = 32) -> Floats:
    """Random directions."""
    vectors = np.random.default_rng(seed).standard_normal((n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def nobody(n: int) -> NDArray[np.int64]:
    """No query is in the gallery."""
    return np.full(n, -1)


def test_the_margin_holds_for_any_order_of_the_sum() -> None:
    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal((400, 512)) for _ in range(2))
    left, right = ((x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32) for x in (left, right))
    exact = (left.astype(np.float64) * right).sum(axis=1)
    for order in (np.arange(512), rng.permutation(512), np.arange(512)[::-1]):
        slow = np.zeros(400, np.float32)
        for column in order:  # the worst order: one running sum
            slow += left[:, column] * right[:, column]
        assert 2 * np.abs(slow - exact).max() < slack(512)
    assert slack(512) < 1e-4


@DEVICES
@pytest.mark.parametrize("rising", [False, True], ids=["any order", "every chunk better than the last"])
def test_the_highest_products_are_kept_with_their_rows(
    monkeypatch: pytest.MonkeyPatch, device: str, rising: bool
) -> None:
    monkeypatch.setattr(stage, "CHUNK", 64)
    monkeypatch.setattr(stage, "CARD_CHUNK", 64)
    queries, gallery = units(7, 0), units(1000, 1)
    if rising:
        gallery = gallery[np.argsort(gallery @ queries[0])]
    values, places = finder(gallery, device)(queries, nobody(7), 10)
    products = queries.astype(np.float64) @ gallery.T.astype(np.float64)
    assert values.shape == places.shape == (7, 10 + stage.SPARE)
    kept = values > NONE
    assert kept.sum(axis=1).min() >= 10
    assert np.allclose(values[kept], np.take_along_axis(products, places, 1)[kept], atol=1e-6)
    best = np.argsort(-products, axis=1)[:, :10]
    assert all(set(best[row]) <= set(places[row, kept[row]]) for row in range(7))


@DEVICES
def test_a_cosine_keeps_every_bit_beside_its_row(device: str) -> None:
    # one-dimensional vectors: the product is the vector itself, whatever the sign and however small
    cosines = np.float32([1, -1, 0.1, -0.1, 1e-30, -1e-30, 0, np.nextafter(np.float32(0.1), np.float32(1))])
    values, places = finder(cosines[:, None], device)(np.ones((1, 1), np.float32), nobody(1), 8)
    order = np.argsort(places[0])
    assert np.array_equal(places[0][order], np.arange(8))
    assert np.array_equal(values[0][order].astype(np.float32), cosines)


@DEVICES
def test_what_is_missing_is_no_candidate(device: str) -> None:
    gallery = units(4, 0)
    values, places = finder(gallery, device)(gallery[:2], np.array([0, 1]), 4)
    assert (np.sort(values, axis=1)[:, 0] == NONE).all(), "each query's own row"
    rows, full = near(values, places, 4, slack(32))
    assert [sorted(row) for row in rows.tolist()] == [[-1, 1, 2, 3], [-1, 0, 2, 3]]
    assert not full.any()


def test_near_is_told_from_far_by_the_margin() -> None:
    values = np.array([[0.5, 0.9, 0.7, 0.69, NONE], [0.7, 0.7, 0.7, 0.7, 0.7]])
    rows, full = near(values, np.tile(np.arange(5), (2, 1)), 2, 0.05)
    assert rows.tolist() == [[-1, 1, 2, 3, -1], [0, 1, 2, 3, 4]]
    assert full.tolist() == [False, True], "of the second there may be more"


@pytest.mark.parametrize("dim", [1, 4, 512])
@pytest.mark.parametrize("start", [0, 1 << 28], ids=["by a partition of the first chunk", "by what was packed so far"])
def test_the_floor_is_never_above_what_the_margin_allows(dim: int, start: int) -> None:
    cosines = np.random.default_rng(dim).uniform(-1, 1, (5000, 3)).astype(np.float32)
    best = stage._Best(cosines.shape, 1, 1, slack(dim))
    best.add(cosines, start)
    exact = cosines.max(axis=1).astype(np.float64) - slack(dim)
    assert (best.floor <= exact).all()
    assert np.allclose(best.floor, exact, atol=3e-7)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_plugins_choice_of_precision_is_put_aside_for_a_card_and_put_back(device: str) -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with whole_float32(device):
            assert torch.get_float32_matmul_precision() == ("high" if device == "cpu" else "highest")
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("dim", [1, 512, 1 << 20])
def test_the_margin_is_the_stated_bound_with_a_hundredth_to_spare(dim: int) -> None:
    unit = dim / 2**24
    assert slack(dim) == pytest.approx(1.01 * 2 * unit / (1 - unit) + 1e-6, rel=1e-12)


def test_what_lies_just_the_margin_below_is_near() -> None:
    rows, _ = near(np.array([[0.5, 0.25, 0.125]]), np.array([[7, 8, 9]]), 1, 0.25)
    assert rows.tolist() == [[7, 8, -1]]
