"""Photographs as a network takes them: the one resize of the harness, uint8 arrays, and bytes to floats."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Images, Progress
from harness.stages.reading import batched, read_ahead
from harness.types import Image, Preprocess

if TYPE_CHECKING:
    from torch import Tensor

IN_MEMORY = 1 << 30
"""Bytes above which decoded images lie in a temporary file instead of in memory."""
AHEAD = 64
"""Images, at least, that are decoded while others are computed."""


def resize(image: Image, preprocess: Preprocess) -> Image:
    """RGB uint8 [h, w, 3] -> uint8 [H, W, 3] of exactly ``preprocess.size``, antialiased.

    The whole image is squeezed; nothing is cropped. The photographs are crops of one animal already, and the centre
    crop that classifiers are tested with cuts off head and hindquarters of a long animal.
    """
    from PIL import Image as Pil

    height, width = preprocess.size
    filters = {"bilinear": Pil.Resampling.BILINEAR, "bicubic": Pil.Resampling.BICUBIC}
    resized = Pil.fromarray(image).resize((width, height), filters[preprocess.interpolation])
    return np.asarray(resized, dtype=np.uint8)


class Some:
    """The images at certain positions of others, still decoded when asked for."""

    def __init__(self, images: Images, index: NDArray[np.int64]) -> None:
        self.images = images
        self.index = index

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: int, /) -> Image:
        return self.images[int(self.index[index])]


class Resized:
    """Images at the size of a network, decoded and resized when asked for."""

    def __init__(self, images: Images, preprocess: Preprocess) -> None:
        self.images = images
        self.preprocess = preprocess

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int, /) -> Image:
        return resize(self.images[index], self.preprocess)


def decode_all(
    images: Images, preprocess: Preprocess, progress: Progress, workers: int = 0, file: Path | None = None
) -> NDArray[np.uint8]:
    """Decode and resize every image once: uint8 [n, H, W, 3], mapped to ``file`` where one is given.

    Above :data:`IN_MEMORY` bytes the array is mapped to an unnamed temporary file, which goes when the array goes.

    Raises:
        DataError: an image cannot be read.
    """
    out = _room((len(images), *preprocess.size, 3), file)
    progress.start(len(images), "image decoded")
    for row, image in enumerate(read_ahead(Resized(images, preprocess), AHEAD, workers)):
        out[row] = image
        progress.advance()
    return out


def _room(shape: tuple[int, ...], file: Path | None) -> NDArray[np.uint8]:
    if file is not None:
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
    if int(np.prod(shape, dtype=np.int64)) <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as unnamed:
        # The map keeps the file alive after it is closed and unlinked.
        return np.memmap(unnamed, dtype=np.uint8, mode="w+", shape=shape)


def decoded_batches(
    images: Images, preprocess: Preprocess, batch: int, workers: int = 0
) -> Iterator[NDArray[np.uint8]]:
    """All images in order, in batches uint8 [b, H, W, 3]; the next ones are decoded meanwhile.

    Raises:
        DataError: an image cannot be read.
    """
    for pictures in batched(read_ahead(Resized(images, preprocess), max(batch, AHEAD), workers), batch):
        yield np.stack(pictures)


def to_unit(pixels: Tensor) -> Tensor:
    """Uint8 [n, H, W, 3] -> float [n, 3, H, W] on [0, 1], channels last in memory, on the same device."""
    import torch

    return pixels.permute(0, 3, 1, 2).float().div_(255).contiguous(memory_format=torch.channels_last)


def normalise(batch: Tensor, preprocess: Preprocess) -> Tensor:
    """Float [n, 3, H, W] on [0, 1] -> zero mean and unit deviation by the backbone's own constants."""
    mean = batch.new_tensor(preprocess.mean).view(1, 3, 1, 1)
    std = batch.new_tensor(preprocess.std).view(1, 3, 1, 1)
    return (batch - mean) / std
