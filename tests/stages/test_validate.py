"""The validation R-1 of a training: which images are looked at, and what is nearest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import Quiet
from torch import nn

from harness import Preprocess
from harness.stages import validate
from harness.stages.validate import Decoded, Validation, _spread, decode_validation, validation_r1
from harness.types import Image

PLAIN = Preprocess((2, 2), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear")


class Numbered:
    """Images of one colour that tells their number."""

    def __init__(self, count: int, first: int = 0) -> None:
        self.count, self.first = count, first

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> Image:
        return np.full((2, 2, 3), self.first + index, np.uint8)


def chosen(query: list[int], gallery: list[int], most: int) -> tuple[Any, ...] | None:
    """Numbers and labels of the images that are used; numbers of the gallery begin at 100."""
    asked = Validation(Numbered(len(query)), np.array(query), Numbered(len(gallery), 100), np.array(gallery))
    found = decode_validation(asked, PLAIN, most, Quiet())
    if found is None:
        return None
    numbers = [pixels[:, 0, 0, 0].tolist() for pixels in (found.query, found.gallery)]
    return numbers[0], found.query_labels.tolist(), numbers[1], found.gallery_labels.tolist()


def test_all_are_used_where_they_are_few_and_queries_nobody_could_answer_are_left_out() -> None:
    assert chosen([7, 8, 9], [9, 9, 7, 5], 10) == ([0, 2], [7, 9], [100, 101, 102, 103], [9, 9, 7, 5])
    assert chosen([7, 8], [5, 6], 10) is None


def test_the_gallery_is_filled_with_individuals_of_the_queries_first() -> None:
    found = chosen([1, 1, 2, 2, 3], [4, 4, 4, 1, 2, 3, 4], 4)
    assert found is not None
    assert found[0] == [0, 1, 3, 4], "evenly spread"
    assert found[2] == [103, 104, 105, 100], "their own, and then one more"


def test_a_query_whose_individual_found_no_room_in_the_gallery_is_left_out() -> None:
    assert chosen([1, 2, 3], [1, 3, 1], 2) == ([0], [1], [100, 102], [1, 1])


def test_rows_are_spread_evenly_from_the_first_to_the_last() -> None:
    rows = np.arange(100, 111)
    assert _spread(rows, 11) is rows
    assert _spread(rows, 3).tolist() == [100, 105, 110]
    assert _spread(rows, 1).tolist() == [100]
    assert _spread(rows, 0).tolist() == _spread(rows, -2).tolist() == []


def test_workers_are_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def decoder(images: Any, preprocess: Preprocess, progress: Quiet, workers: int) -> NDArray[np.uint8]:
        seen.append(workers)
        return np.zeros((len(images), 2, 2, 3), np.uint8)

    monkeypatch.setattr(validate, "decode_all", decoder)
    asked = Validation(Numbered(2), np.array([1, 2]), Numbered(2), np.array([1, 2]))
    decode_validation(asked, PLAIN, 5, Quiet(), 3)
    decode_validation(asked, PLAIN, 5, Quiet())
    assert seen == [3, 3, 0, 0]


class Colour(nn.Module):
    """The mean colour, less a quarter; zero in training mode."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return (batch.mean(dim=(2, 3)) - 0.25) * (not self.training)


def pixels(*colours: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.array([np.full((2, 2, 3), colour) for colour in colours], np.uint8)


@pytest.mark.parametrize("batch", [1, 2, 50])
def test_the_nearest_is_so_by_cosine_in_eval_mode_whatever_the_batch(batch: int) -> None:
    red, long_green, green = (120, 64, 64), (64, 255, 64), (64, 80, 64)
    reddish = (120, 90, 64)  # its product with the long green is the higher one
    images = Decoded(pixels(reddish, green, red), np.array([1, 2, 2]), pixels(long_green, red), np.array([2, 1]))
    network = Colour().train()
    assert validation_r1(network, PLAIN, images, batch, "cpu") == pytest.approx(2 / 3)
    assert not network.training


@pytest.mark.parametrize("length", [0, 1e-40])
def test_a_vector_of_zeros_or_next_to_it_is_near_to_nothing_and_no_nan(length: float) -> None:
    class Nothing(nn.Module):
        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return torch.full((len(batch), 3), length)

    found = validate._embedded(Nothing(), PLAIN, pixels((9, 9, 9)), 4, "cpu")
    assert found.dtype == np.float32
    assert (found < 0.01).all()
