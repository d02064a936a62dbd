"""Foreground masks of the photographs of a table: the data set's own, or those that a segmenter guesses."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.choice import Choice
from harness.device import cores
from harness.errors import DataError
from harness.fingerprint import digest_texts
from harness.images import Photographs, read_mask
from harness.stages.segment import resized, segment, squeeze, unsqueeze
from harness.store import Key
from harness.table import ImageTable
from harness.types import Image
from harness.workbench import Rows, Workbench

ASPECT = 0.01
"""How far the sides' ratio of a mask may lie from its photograph's, or one pixel: a resized copy rounds its sides."""
BATCH = 16
"""Photographs of full size that are segmented together."""
TURNED = (5, 6, 7, 8)
"""The EXIF orientations that swap width and height."""


class Masks:
    """Masks by row: ``masks[row]`` is uint8 [h, w] of the photograph's own size, 255 on the animal and 0 off it.

    Args:
        table: rows of photographs.
        guessed: a segmenter's masks, uint8 [n, 2048] as :func:`harness.stages.segment.squeeze` packs them; None for
            the table's column ``mask``, where a row without a mask counts as animal everywhere.

    Attributes:
        exact: True where the masks come from the data set, False where a segmenter guessed them.
    """

    def __init__(self, table: ImageTable, guessed: NDArray[np.uint8] | None = None) -> None:
        self.table, self._guessed = table, guessed
        self.exact = guessed is None

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, row: int, /) -> Image:
        """The mask of a row.

        Raises:
            DataError: the photograph or its mask cannot be read, or their sides do not agree to 1 %.
        """
        return self.sized(row, _upright_size(self.table.root / str(self.table.path[row])))

    def sized(self, row: int, size: tuple[int, int]) -> Image:
        """The mask of a row whose photograph is known to be of (width, height) ``size``; this reads no photograph."""
        if self._guessed is not None:
            return unsqueeze(self._guessed[row], size)
        name = str(self.table.mask[row])
        if not name:
            return np.full(size[::-1], 255, np.uint8)
        mask = read_mask(self.table.root / name)
        height, width = mask.shape
        expected = size[0] * height / size[1]
        if abs(width - expected) > max(1.0, ASPECT * expected):
            photograph = f"photograph {self.table.path[row]} is {size[0]} x {size[1]}"
            raise DataError(
                f"mask {name} is {width} x {height} pixels, its {photograph}",
                "Give a mask of the photograph's own size.",
            )
        return resized(mask, size)

    def batch(self, rows: Sequence[int], sizes: Sequence[tuple[int, int]]) -> list[Image]:
        """Several masks of photographs of these (width, height), read side by side."""
        with ThreadPoolExecutor(cores()) as pool:
            return list(pool.map(self.sized, rows, sizes))

    def select(self, rows: Sequence[int]) -> Masks:
        """The masks of these rows, in that order."""
        return Masks(self.table.select(rows), None if self._guessed is None else self._guessed[list(rows)])


def masks_of(table: ImageTable, segmenter: Choice | None, bench: Workbench, key: Callable[[Choice], Key]) -> Masks:
    """The masks of a table whose digests are filled in; a segmenter's come through the store, each computed once.

    For a data set under a protocol, with ``keys = Keys(data, device)``:
    ``masks_of(data.table, None, bench, keys.segment)`` gives its column's, and
    ``masks_of(data.table, registry.resolve("segmenter", "grabcut"), bench, keys.segment)`` guessed ones.

    Raises:
        DataError: there is no segmenter, and no row of the table has a mask.
    """
    if segmenter is None:
        _check_column(table)
        return Masks(table)
    digests = table.digest.tolist()
    found = bench.fill(key(segmenter), digests, lambda missing: _segmented(table, segmenter, bench, missing))
    return Masks(table, found.read(digests)["bits"])


def column_digest(table: ImageTable) -> str:
    """One SHA-256 over the contents of the column's mask files, each with its photograph.

    Raises:
        DataError: a file cannot be read.
    """
    names = [str(name) for name in table.mask]
    with ThreadPoolExecutor(cores()) as pool:
        contents = dict(
            zip(names, pool.map(lambda name: _sha256(table.root / name) if name else "", names), strict=True)
        )
    return digest_texts([table.digest.tolist(), [contents[name] for name in names]])


def _check_column(table: ImageTable) -> None:
    lacking = np.flatnonzero(table.mask == "")
    if not len(lacking):
        return
    first = f"row {lacking[0]} (image_id {str(table.image_id[lacking[0]])!r})"
    if len(lacking) == len(table):
        raise DataError(
            f"{first} has no mask, nor has any other of {len(table)} rows",
            "Fill the column 'mask', or have the masks guessed by a segmenter such as grabcut.",
        )
    warnings.warn(
        f"{len(lacking)} of {len(table)} rows have no mask and count as animal everywhere, the first: {first}",
        stacklevel=3,
    )


def _segmented(table: ImageTable, segmenter: Choice, bench: Workbench, missing: list[str]) -> Rows:
    paths = dict(zip(table.digest.tolist(), table.path.tolist(), strict=True))
    images, start = Photographs(table.root, [paths[name] for name in missing]), 0
    for masks in segment(segmenter.build(), images, BATCH, bench.progress):
        yield missing[start : start + len(masks)], {"bits": np.stack([squeeze(mask) for mask in masks])}
        start += len(masks)


def _upright_size(path: Path) -> tuple[int, int]:
    """(width, height) as :func:`harness.images.read_image` gives the photograph, mostly without decoding it."""
    from PIL import ExifTags, UnidentifiedImageError
    from PIL import Image as Pil

    try:
        with Pil.open(path) as picture:
            turned = picture.getexif().get(ExifTags.Base.Orientation) in TURNED
            return picture.size[::-1] if turned else picture.size
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Pil.DecompressionBombError) as error:
        raise DataError(f"image {path} cannot be decoded ({error})", "Replace the file, or remove its row.") from error


def _sha256(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"mask {path} cannot be read: {error.strerror}", "Restore it, or empty its cell.") from error
