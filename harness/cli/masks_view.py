"""Masks for people: a sheet of photographs with what is off the animal darkened, and how masks agree."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import GridError, StoreError
from harness.images import read_image
from harness.masks import Masks
from harness.types import Image

COLUMNS, CELL, GAP = 6, 200, 6
"""Photographs in a row of the sheet, and pixels of a photograph's longest side and between two of them."""
DARK = 0.25
"""Brightness that is left off the animal."""


def agreement(masks: Masks) -> dict[str, Any]:
    """Photographs, the animal's mean share of a picture, and, for guessed masks of rows that also have their own, how
    many there are and the mean and least intersection over union with these."""
    told: dict[str, Any] = {
        "photographs": len(masks),
        "animal's share": round(float(np.mean([(masks[row] > 0).mean() for row in range(len(masks))])), 3),
    }
    own = Masks(masks.table)
    rows = [] if masks.exact else np.flatnonzero(masks.table.mask != "").tolist()
    overlaps = [_overlap(masks[row] > 0, own[row] > 0) for row in rows]
    if overlaps:
        told["with masks of their own"] = len(overlaps)
        told["intersection over union, mean"] = round(float(np.mean(overlaps)), 3)
        told["intersection over union, least"] = round(min(overlaps), 3)
    return told


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    either = int((a | b).sum())
    return int((a & b).sum()) / either if either else 1.0


def write_sheet(masks: Masks, path: str) -> None:
    """Write the photographs of a table, darkened off the animal, as one picture.

    Raises:
        GridError: the name of the file ends in no kind of picture; StoreError: it cannot be written.
    """
    from PIL import Image as Pil

    lines = math.ceil(len(masks) / COLUMNS)
    page = Pil.new("RGB", (COLUMNS * (CELL + GAP) + GAP, lines * (CELL + GAP) + GAP), "white")
    for row in range(len(masks)):
        picture = Pil.fromarray(darkened(read_image(masks.table.root / str(masks.table.path[row])), masks[row]))
        picture.thumbnail((CELL, CELL))
        page.paste(picture, (GAP + row % COLUMNS * (CELL + GAP), GAP + row // COLUMNS * (CELL + GAP)))
    try:
        page.save(Path(path))
    except ValueError as error:
        raise GridError(f"--out {path} is no kind of picture", "Name a file that ends in .png or .jpg.") from error
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}", "Name another --out.") from error


def darkened(image: Image, mask: Image) -> Image:
    """The image [h, w, 3] with what is off the animal darkened."""
    return np.where(mask[..., None] > 0, image, image * DARK).astype(np.uint8)
