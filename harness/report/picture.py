"""A pair of photographs with its matches as one picture file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.disk import explained
from harness.errors import DataError
from harness.report.pair import DrawnPair
from harness.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw

HEIGHT, GAP, TEXT = 480, 12, 15
KINDS = (".png", ".jpg", ".jpeg", ".webp")
COLOURS = {"outlier": "#e69ac4", "in the background": "#f0a030", "match": "#56b4e9"}
"""Class of a match -> colour, in the order in which they are drawn; told apart by colour-blind readers (Okabe, Ito)."""


def save_picture(path: Path, pair: DrawnPair, photographs: tuple[Image, Image], names: tuple[str, str]) -> None:
    """Draw a pair, RGB uint8 [h, w, 3] each, side by side with ``names`` above and a legend below, and write it.

    Raises:
        DataError: a file name that is no picture's; StoreError: it cannot be written.
    """
    if path.suffix.lower() not in KINDS:
        raise DataError(f"{path.name} is no name of a picture", f"End it with one of {', '.join(KINDS)}.")
    picture = drawing(pair, photographs, names)
    with explained(path, "picture", "--out"):
        picture.save(path)


def drawing(pair: DrawnPair, photographs: tuple[Image, Image], names: tuple[str, str]) -> Picture:
    """The picture itself."""
    from PIL import Image as Pil
    from PIL import ImageDraw

    scales = [HEIGHT / height for _, height in pair.sizes]
    widths = [round(width * scale) for (width, _), scale in zip(pair.sizes, scales, strict=True)]
    top, left = TEXT + 8, (0, widths[0] + GAP)
    picture = Pil.new("RGB", (sum(widths) + GAP, HEIGHT + 2 * top), "white")
    for array, width, x in zip(photographs, widths, left, strict=True):
        picture.paste(Pil.fromarray(array).resize((width, HEIGHT), Pil.Resampling.LANCZOS), (x, top))
    points = [
        keypoints * scale + np.array([x, top], np.float32)
        for keypoints, scale, x in zip(pair.keypoints, scales, left, strict=True)
    ]
    draw = ImageDraw.Draw(picture)
    for classed, colour in COLOURS.items():
        _lines(draw, points, pair.indices[classes(pair) == classed], colour)
    for name, x, width in zip(names, left, widths, strict=True):
        _text(draw, (x + 4, 3), name, width - 8, "black")
    _legend(draw, pair, HEIGHT + top + 3)
    return picture


def classes(pair: DrawnPair) -> NDArray[np.str_]:
    """The class of each match: ``outlier`` of the geometric check, ``in the background``, or plainly ``match``; [k]."""
    off = ~pair.on if pair.on is not None else np.zeros(len(pair), np.bool_)
    return np.select([~pair.inliers & pair.checked, off], ["outlier", "in the background"], "match")


def _lines(draw: ImageDraw, points: list[NDArray[np.float32]], indices: NDArray[np.int32], colour: str) -> None:
    for first, second in indices.tolist():
        (x1, y1), (x2, y2) = points[0][first].tolist(), points[1][second].tolist()
        draw.line([(x1, y1), (x2, y2)], fill=colour, width=1)
        for x, y in ((x1, y1), (x2, y2)):
            draw.ellipse([x - 2.5, y - 2.5, x + 2.5, y + 2.5], fill=colour, outline="black")


def _legend(draw: ImageDraw, pair: DrawnPair, y: int) -> None:
    found, x = classes(pair), 4.0
    for classed, colour in reversed(COLOURS.items()):
        count = int((found == classed).sum())
        if count or classed == "match":
            draw.rectangle([x, y + 3, x + 12, y + 13], fill=colour, outline="black")
            x = 18 + _text(draw, (x + 18, y), f"{classed} {count}", 10_000, "black") + 12


def _text(draw: ImageDraw, place: tuple[float, float], text: str, room: float, colour: str) -> float:
    """Write a text, cut to the room that there is; gives where it ends."""
    from PIL import ImageFont

    font = ImageFont.load_default(TEXT)
    while draw.textlength(text, font) > room and len(text) > 4:
        text = f"{text[:-4]}..."
    draw.text(place, text, colour, font)
    return place[0] + draw.textlength(text, font)
