"""Photographs on their way into a network: decoding in threads, the one resize of the harness, uint8 to batches."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Images, Progress
from harness.types import Image, Preprocess

if TYPE_CHECKING:
    from torch import Tensor

IN_MEMORY = 1 << 30
"""Bytes above which decoded images lie in a temporary file instead of in memory."""
AHEAD = 2
"""Batches that are decoded while one is computed."""


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


def threads(workers: int | None = None) -> int:
    """How many threads decode: as asked for, otherwise one a core and at most 8 (PIL frees the interpreter)."""
    return workers or min(8, os.cpu_count() or 1)


def decode_all(
    images: Images, preprocess: Preprocess, progress: Progress, workers: int | None = None
) -> NDArray[np.uint8]:
    """Decode and resize every image once: uint8 [n, H, W, 3].

    Above :data:`IN_MEMORY` bytes the array is mapped to an unnamed temporary file, which goes when the array goes.

    Raises:
        DataError: an image cannot be read.
    """
    shape = (len(images), *preprocess.size, 3)
    out = _room(shape)

    def put(index: int) -> None:
        out[index] = resize(images[index], preprocess)

    progress.start(len(images), "image decoded")
    with ThreadPoolExecutor(threads(workers)) as pool:
        try:
            for _ in pool.map(put, range(len(images))):
                progress.advance()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return out


def _room(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    if int(np.prod(shape, dtype=np.int64)) <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        # The map keeps the file alive after it is closed and unlinked.
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)


def decoded_batches(
    images: Images, preprocess: Preprocess, batch: int, workers: int | None = None
) -> Iterator[NDArray[np.uint8]]:
    """All images in order, in batches uint8 [b, H, W, 3]; the next ones are decoded meanwhile.

    Raises:
        DataError: an image cannot be read.
    """

    def load(index: int) -> Image:
        return resize(images[index], preprocess)

    with ThreadPoolExecutor(threads(workers)) as pool:
        waiting: deque[list[Future[Image]]] = deque()
        try:
            for start in range(0, len(images), batch):
                waiting.append([pool.submit(load, i) for i in range(start, min(start + batch, len(images)))])
                if len(waiting) > AHEAD:
                    yield _stack(waiting.popleft())
            while waiting:
                yield _stack(waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _stack(futures: Sequence[Future[Image]]) -> NDArray[np.uint8]:
    return np.stack([future.result() for future in futures])


def to_unit(pixels: NDArray[np.uint8], device: str) -> Tensor:
    """Uint8 [n, H, W, 3] -> float [n, 3, H, W] on [0, 1], channels last in memory, on the device."""
    import torch

    # Sent as bytes: a quarter of the floats' way to an accelerator.
    tensor = torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(0, 3, 1, 2)
    return tensor.float().div_(255).contiguous(memory_format=torch.channels_last)


def normalise(batch: Tensor, preprocess: Preprocess) -> Tensor:
    """Float [n, 3, H, W] on [0, 1] -> zero mean and unit deviation by the backbone's own constants."""
    mean = batch.new_tensor(preprocess.mean).view(1, 3, 1, 1)
    std = batch.new_tensor(preprocess.std).view(1, 3, 1, 1)
    return (batch - mean) / std
