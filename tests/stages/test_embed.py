"""Embedding: unit vectors in order, the very pixels of training, and errors that name the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import Herd, Quiet, TinyBackbone
from torch import nn

from harness import Preprocess
from harness.errors import CellFailed, DataError
from harness.stages.embed import embed, unit
from harness.stages.loading import Some, decode_all, decoded_batches, normalise, resize, to_unit
from harness.stages.network import build_network
from harness.types import Image

PREPROCESS = TinyBackbone.preprocess
LABELS = np.arange(11) % 3


def network() -> nn.Module:
    torch.manual_seed(0)
    return build_network(TinyBackbone(), None)


def test_unit_vectors_in_order_whatever_the_batch() -> None:
    images, ids = Herd(LABELS), [f"img{i}" for i in range(11)]
    parts = list(embed(network(), PREPROCESS, images, ids, 4, "cpu", Quiet()))
    assert [len(part.ids) for part in parts] == [4, 4, 3]
    assert np.concatenate([part.ids for part in parts]).tolist() == ids
    vectors = np.concatenate([part.vectors for part in parts])
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    whole = next(embed(network(), PREPROCESS, images, ids, 11, "cpu", Quiet()))
    assert np.allclose(whole.vectors, vectors, atol=1e-5)
    pixels = torch.from_numpy(np.stack([resize(images[i], PREPROCESS) for i in range(11)]))
    by_hand = (pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    with torch.no_grad():
        expected = network().eval()(by_hand).numpy()
    assert np.allclose(whole.vectors * whole.norms[:, None], expected, atol=1e-5)


def test_no_image_at_all() -> None:
    nobody = Some(Herd(LABELS), np.empty(0, np.int64))
    assert list(embed(network(), PREPROCESS, nobody, [], 4, "cpu", Quiet())) == []


def test_training_and_embedding_see_the_same_pixels() -> None:
    images = Herd(LABELS)
    trained_on = decode_all(images, PREPROCESS, Quiet())
    embedded = np.concatenate(list(decoded_batches(images, PREPROCESS, 3)))
    assert np.array_equal(trained_on, embedded)


def test_resize_squeezes_the_whole_image() -> None:
    image = np.zeros((40, 200, 3), np.uint8)
    image[:, :20], image[:, -20:] = (255, 0, 0), (0, 0, 255)
    small = resize(image, Preprocess((32, 64), (0, 0, 0), (1, 1, 1)))
    assert small.shape == (32, 64, 3)
    assert small[16, 1].tolist() == [255, 0, 0], "the left end is still there"
    assert small[16, -2].tolist() == [0, 0, 255], "and so is the right one"


def test_channels_and_normalisation() -> None:
    pixels = np.zeros((1, 2, 3, 3), np.uint8)
    pixels[0, 1, 2] = (255, 51, 0)
    batch = normalise(to_unit(torch.from_numpy(pixels)), Preprocess((2, 3), (0.5, 0.1, 0.0), (0.5, 0.2, 1.0)))
    assert batch.shape == (1, 3, 2, 3)
    assert np.allclose(batch[0, :, 1, 2].numpy(), [1.0, 0.5, 0.0], atol=1e-6)


@pytest.mark.parametrize(("factor", "word"), [(0.0, "zero"), (float("nan"), "not finite")])
def test_a_vector_without_direction_names_its_image(factor: float, word: str) -> None:
    class Sometimes(nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            vectors = torch.ones(len(batch), 5)
            vectors[-1] *= factor
            return vectors

    ids = [f"img{i}" for i in range(6)]
    with pytest.raises(CellFailed, match=f"'img2' is {word}"):
        list(embed(Sometimes(), PREPROCESS, Herd(LABELS[:6]), ids, 3, "cpu", Quiet()))


def test_an_unreadable_image_stops_it() -> None:
    class Torn(Herd):
        def __getitem__(self, index: int, /) -> Image:
            if index == 7:
                raise DataError("image seven.jpg cannot be decoded")
            return super().__getitem__(index)

    images = Torn(LABELS)
    parts = embed(network(), PREPROCESS, images, [str(i) for i in range(11)], 4, "cpu", Quiet())
    assert next(parts).ids.tolist() == ["0", "1", "2", "3"]
    with pytest.raises(DataError, match=r"seven\.jpg"):
        list(parts)
    with pytest.raises(DataError, match=r"seven\.jpg"):
        decode_all(images, PREPROCESS, Quiet())


def test_progress_knows_all_images_and_norms_are_float32() -> None:
    told = Quiet()
    parts = list(embed(network(), PREPROCESS, Herd(LABELS), [str(i) for i in range(11)], 4, "cpu", told))
    assert (told.total, told.done) == (11, 11)
    assert {part.norms.dtype for part in parts} == {np.dtype(np.float32)}


def test_a_vector_is_zero_below_the_least_normal_float32() -> None:
    least = np.finfo(np.float32).tiny
    made = unit(np.array(["a"]), np.array([[0, least]], np.float32))
    assert made.vectors.tolist() == [[0, 1]]
    with pytest.raises(CellFailed, match=r"'b' is zero \(1 such") as caught:
        unit(np.array(["a", "b"]), np.array([[0, 1], [0, least / 2]], np.float32))
    assert "weights" in caught.value.advice
