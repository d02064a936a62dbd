"""Reading photographs: upright RGB arrays, and errors that name the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError
from harness.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def read_image(path: Path) -> Image:
    """Decode a photograph: RGB uint8 [h, w, 3], turned upright by its EXIF orientation.

    Raises:
        DataError: the file is missing, truncated, or no image.
    """
    from PIL import Image as Pil
    from PIL import ImageOps, UnidentifiedImageError

    try:
        with Pil.open(path) as picture:
            ImageOps.exif_transpose(picture, in_place=True)
            plain = _eight_bits(picture)
            return np.asarray(plain if plain.mode == "RGB" else plain.convert("RGB"))
    except FileNotFoundError as error:
        raise DataError(f"image {path} is missing", "Restore the file, or remove its row from the metadata.") from error
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Pil.DecompressionBombError) as error:
        raise DataError(f"image {path} cannot be decoded ({error})", "Replace the file, or remove its row.") from error


def _eight_bits(picture: Picture) -> Picture:
    """Greyscale of more than 8 bits scaled to 0..255; Pillow itself would cut it off at 255."""
    from PIL import Image as Pil

    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("pixels that are not finite")
    if picture.mode == "F" and values.max(initial=0) <= 1:
        full = 1.0
    else:
        full = 65535.0 if values.max(initial=0) > 255 or picture.mode.startswith("I;16") else 255.0
    return Pil.fromarray(np.clip(np.rint(values * (255 / full)), 0, 255).astype(np.uint8))


def read_mask(path: Path) -> Image:
    """Decode a foreground mask: uint8 [h, w], 255 on the animal and 0 off it.

    Raises:
        DataError: the file is missing, truncated, or no image.
    """
    return np.where(read_image(path).max(axis=2) > 127, 255, 0).astype(np.uint8)


class Photographs:
    """Images by position, read from disk each time: ``photographs[i]`` is RGB uint8 [h, w, 3]."""

    def __init__(self, root: Path, paths: Sequence[str]) -> None:
        self.root = root
        self.paths = list(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int, /) -> Image:
        return read_image(self.root / self.paths[index])
