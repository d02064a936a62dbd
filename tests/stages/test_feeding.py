"""Batches on their way to the device: the right images in the right order, wherever they come from."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from harness.stages import feeding
from harness.stages.feeding import ahead, feed, resident, settled

PIXELS = np.random.default_rng(0).integers(0, 256, (11, 4, 5, 3)).astype(np.uint8)
ROWS = [np.array([3, 1, 10]), np.array([0, 9]), np.array([5])]
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")


def test_the_images_of_each_batch() -> None:
    assert settled(PIXELS, "cpu") is PIXELS
    for source in (PIXELS, resident(PIXELS, "cpu")):
        found = list(feed(source, ROWS, "cpu"))
        assert [part.dtype for part in found] == [torch.uint8] * 3
        assert all(np.array_equal(part.numpy(), PIXELS[rows]) for part, rows in zip(found, ROWS, strict=True))


@pytest.mark.parametrize("block", [1, 130, 1 << 20])
def test_an_array_is_copied_block_by_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "BLOCK", block)
    copy = resident(PIXELS, "cpu")
    assert np.array_equal(copy.numpy(), PIXELS)
    assert copy.data_ptr() != torch.from_numpy(PIXELS).data_ptr()
    assert resident(PIXELS[:0], "cpu").shape == (0, 4, 5, 3)


@CUDA
@pytest.mark.parametrize("share", [0.5, 0.0], ids=["resident", "uploaded"])
def test_a_card_is_fed_the_same(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "SHARE", share)
    source = settled(PIXELS, "cuda")
    assert isinstance(source, torch.Tensor) == (share > 0)
    found = list(feed(source, ROWS * 20, "cuda"))
    assert all(part.device.type == "cuda" for part in found)
    assert all(np.array_equal(part.cpu().numpy(), PIXELS[rows]) for part, rows in zip(found, ROWS * 20, strict=True))


def test_items_come_in_order_and_only_a_little_ahead() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for item in range(50):
            made.append(item)
            yield item

    for item in ahead(items(), 2):
        assert len(made) <= item + 1 + 2
    assert made == list(range(50))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("upload")]


def test_a_failure_ahead_comes_up_after_what_was_made() -> None:
    def items() -> Iterator[int]:
        yield 0
        raise ValueError("no second batch")

    found = ahead(items(), 2)
    assert next(found) == 0
    with pytest.raises(ValueError, match="no second batch"):
        next(found)


@pytest.mark.parametrize("items", [[], [0], [0, 1], [0, 1, 2]])
def test_fewer_items_than_are_made_ahead_all_come(items: list[int]) -> None:
    assert list(ahead(iter(items), 2)) == items


@pytest.mark.parametrize(("free", "fits"), [(2 * PIXELS.nbytes, True), (2 * PIXELS.nbytes - 1, False)])
def test_images_lie_on_a_card_where_half_of_its_free_memory_holds_them(
    free: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: asked.append(device) or (free, 10 * free))
    monkeypatch.setattr(feeding, "resident", lambda pixels, device: (pixels, device))
    found = settled(PIXELS, "cuda:1")
    assert asked == ["cuda:1"]
    assert found == (PIXELS, "cuda:1") if fits else found is PIXELS
