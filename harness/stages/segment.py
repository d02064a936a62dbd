"""The stage ``segment``: a foreground mask of each photograph, and how masks are squeezed for the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Images, Progress, Segmenter
from harness.errors import PluginError
from harness.stages.reading import batched, read_ahead
from harness.types import Image

SIDE = 128
"""Pixels of a squeezed mask's side: 2 KB an image."""


def segment(segmenter: Segmenter, images: Images, batch: int, progress: Progress) -> Iterator[list[Image]]:
    """Yield the masks uint8 [h, w], 0 / 255, of ``images`` in their order, ``batch`` at a time.

    Raises:
        PluginError: the segmenter gives a wrong number of masks, or a mask of another shape or with other values.
        DataError: a photograph cannot be read.
    """
    progress.start(len(images), "images")
    for pictures in batched(read_ahead(images, batch), batch):
        masks = segmenter.segment(pictures)
        _check(masks, pictures)
        progress.advance(len(pictures))
        yield masks


def squeeze(mask: Image) -> NDArray[np.uint8]:
    """A mask [h, w] as 128 x 128 bits, uint8 [2048]: set where the animal covers half of a cell or more."""
    from PIL import Image as Pil

    small = np.asarray(Pil.fromarray(mask).resize((SIDE, SIDE), Pil.Resampling.BOX))
    return np.packbits(small > 127)


def unsqueeze(bits: NDArray[np.uint8], size: tuple[int, int]) -> Image:
    """The mask [h, w] of (width, height) ``size`` that was squeezed into ``bits``."""
    return resized(np.unpackbits(bits).reshape(SIDE, SIDE) * np.uint8(255), size)


def resized(mask: Image, size: tuple[int, int]) -> Image:
    """A mask [h, w] at (width, height) ``size``: each pixel is that of the nearest place."""
    from PIL import Image as Pil

    if mask.shape == size[::-1]:
        return mask
    return np.asarray(Pil.fromarray(mask).resize(size, Pil.Resampling.NEAREST))


def _check(masks: Sequence[Image], pictures: Sequence[Image]) -> None:
    if len(masks) != len(pictures):
        raise PluginError(f"the segmenter gave {len(masks)} masks of {len(pictures)} images", "Return one an image.")
    for mask, picture in zip(masks, pictures, strict=True):
        if mask.shape != picture.shape[:2] or mask.dtype != np.uint8:
            raise PluginError(
                f"the segmenter gave {mask.dtype} {list(mask.shape)} for an image {list(picture.shape)}",
                "Return masks uint8 [h, w] of the images' own size.",
            )
        if not np.isin(mask, (0, 255)).all():
            raise PluginError("the segmenter gave a mask with values beside 0 and 255", "Return 255 on the animal.")
