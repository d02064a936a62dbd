"""Photographs as a network takes them: resized, decoded in order, mapped where they are many, and as floats."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pil
from tiny import Herd, Quiet

from harness import Preprocess
from harness.stages import loading
from harness.stages.loading import Resized, Some, decode_all, decoded_batches, normalise, resize, to_unit
from harness.types import Image

LABELS = np.arange(5)
SMALL = Preprocess((16, 24), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear")
BYTES = 5 * 16 * 24 * 3


@pytest.mark.parametrize("kind", ["bilinear", "bicubic"])
def test_resize_takes_the_filter_that_the_network_was_trained_with(kind: str) -> None:
    image = Herd(LABELS)[0]
    preprocess = Preprocess((16, 24), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), kind)  # type: ignore[arg-type]
    theirs = Pil.fromarray(image).resize((24, 16), getattr(Pil.Resampling, kind.upper()))
    small = resize(image, preprocess)
    assert np.array_equal(small, np.asarray(theirs))
    assert small.dtype == np.uint8


def test_some_images_are_those_at_their_positions() -> None:
    herd = Herd(LABELS)
    some = Some(herd, np.array([3, 1]))
    assert len(some) == 2
    assert np.array_equal(some[0], herd[3])
    resized = Resized(some, SMALL)
    assert len(resized) == 2
    assert np.array_equal(resized[1], resize(herd[1], SMALL))


def test_decoded_images_lie_in_the_file_that_is_given(tmp_path: Path) -> None:
    told = Quiet()
    decoded = decode_all(Herd(LABELS), SMALL, told, file=tmp_path / "pixels")
    assert isinstance(decoded, np.memmap)
    decoded.flush()
    written = np.fromfile(tmp_path / "pixels", np.uint8).reshape(5, 16, 24, 3)
    assert np.array_equal(written, decode_all(Herd(LABELS), SMALL, Quiet()))
    assert (told.total, told.done) == (5, 5)


@pytest.mark.parametrize("room", [BYTES, BYTES - 1])
def test_images_lie_in_memory_up_to_the_bound(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "IN_MEMORY", room)
    decoded = decode_all(Herd(LABELS), SMALL, Quiet())
    assert isinstance(decoded, np.memmap) == (room < BYTES)
    assert (decoded.dtype, decoded.shape) == (np.uint8, (5, 16, 24, 3))


def test_readers_are_told_how_far_ahead_and_how_many_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def reader(images: Resized, ahead: int, workers: int) -> Iterator[Image]:
        asked.append((ahead, workers))
        return iter(images[row] for row in range(len(images)))

    monkeypatch.setattr(loading, "read_ahead", reader)
    decode_all(Herd(LABELS), SMALL, Quiet())
    decode_all(Herd(LABELS), SMALL, Quiet(), 3)
    list(decoded_batches(Herd(LABELS), SMALL, 2))
    list(decoded_batches(Herd(LABELS), SMALL, 200, 3))
    assert asked == [(64, 0), (64, 3), (64, 0), (200, 3)]


def test_batches_are_full_but_for_the_last() -> None:
    batches = list(decoded_batches(Herd(LABELS), SMALL, 2))
    assert [batch.shape for batch in batches] == [(2, 16, 24, 3), (2, 16, 24, 3), (1, 16, 24, 3)]
    assert np.array_equal(np.concatenate(batches), decode_all(Herd(LABELS), SMALL, Quiet()))


def test_bytes_become_floats_with_the_channels_last_in_memory() -> None:
    pixels = torch.arange(2 * 4 * 5 * 3, dtype=torch.uint8).reshape(2, 4, 5, 3)
    unit = to_unit(pixels)
    assert unit.dtype == torch.float32
    assert unit.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(unit, pixels.permute(0, 3, 1, 2) / 255)
    assert torch.equal(pixels, torch.arange(2 * 4 * 5 * 3, dtype=torch.uint8).reshape(2, 4, 5, 3)), "left as it was"


def test_each_channel_has_its_own_mean_and_deviation() -> None:
    batch = torch.ones(2, 3, 2, 2)
    found = normalise(batch, Preprocess((2, 2), (0.0, 0.5, 1.0), (0.5, 0.25, 2.0), "bilinear"))
    assert torch.equal(found, torch.tensor([2.0, 2.0, 0.0]).view(1, 3, 1, 1).expand(2, 3, 2, 2))
