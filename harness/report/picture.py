"""A pair of photographs with its matches as one picture file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.disk import explained
from harness.errors import DataError
from harness.report.pair import BACKGROUND, CLASSES, MATCH, OUTLIER, DrawnPair
from harness.types import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

HEIGHT, GAP, TEXT, EDGE = 480, 12, 15, 4
TOP = TEXT + 8
"""Pixels above the photographs, and below."""
SAMPLE = 40
"""Width of a line in the legend."""
KINDS = (".png", ".jpg", ".jpeg", ".webp")
COLOURS = {MATCH: "#56b4e9", BACKGROUND: "#f0a030", OUTLIER: "#e69ac4"}
"""Told apart by colour-blind readers (Okabe, Ito)."""
DASHES = {MATCH: (0, 0), BACKGROUND: (9, 5), OUTLIER: (3, 5)}
"""Pixels of a dash, and of the gap behind it; no gap: one line."""


def save_picture(path: Path, pair: DrawnPair, photographs: tuple[Image, Image], names: tuple[str, str]) -> None:
    """Draw a pair, RGB uint8 [h, w, 3] each, side by side with ``names`` above and a legend below, and write it.

    Raises:
        DataError: a file name that is no picture's; StoreError: it cannot be written.
    """
    if path.suffix.lower() not in KINDS:
        raise DataError(f"{path.name} is no name of a picture", f"End it with one of {', '.join(KINDS)}.")
    picture = drawing(pair, photographs, names)
    with explained(path, "picture", "--out"):
        picture.save(path, quality=90)


def drawing(pair: DrawnPair, photographs: tuple[Image, Image], names: tuple[str, str]) -> Picture:
    """The picture itself."""
    from PIL import Image as Pil
    from PIL import ImageDraw

    scales = [HEIGHT / height for _, height in pair.sizes]
    widths = [max(1, round(width * scale)) for (width, _), scale in zip(pair.sizes, scales, strict=True)]
    left = (0, widths[0] + GAP)
    picture = Pil.new("RGB", (max(sum(widths) + GAP, _legend(None, pair)), HEIGHT + 2 * TOP), "white")
    for array, width, x in zip(photographs, widths, left, strict=True):
        picture.paste(Pil.fromarray(array).resize((width, HEIGHT), Pil.Resampling.LANCZOS), (x, TOP))
    points = [
        keypoints * scale + np.array([x, TOP], np.float32)
        for keypoints, scale, x in zip(pair.keypoints, scales, left, strict=True)
    ]
    draw = ImageDraw.Draw(picture, "RGBA")
    for name in reversed(CLASSES):  # plain matches lie on top
        _lines(draw, points, pair.indices[pair.classes == name], name)
    for text, x, width in zip(names, left, widths, strict=True):
        draw.text((x + EDGE, 3), cut(text, width - 2 * EDGE), "black", _font())
    _legend(draw, pair)
    return picture


def cut(text: str, room: float) -> str:
    """A text on one line, its middle left out where it has not ``room`` pixels: ids often differ at their end."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if _length(text) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        shorter = f"{text[: (kept + 1) // 2]}...{text[len(text) - kept // 2 :]}"
        if _length(shorter) <= room:
            return shorter
    return ""


def _lines(draw: ImageDraw, points: list[NDArray[np.float32]], indices: NDArray[np.int32], name: str) -> None:
    ends = np.concatenate([points[side][indices[:, side]] for side in (0, 1)], axis=1)
    for x1, y1, x2, y2 in ends.tolist():
        _line(draw, (x1, y1), (x2, y2), name)
        for x, y in ((x1, y1), (x2, y2)):
            draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=COLOURS[name], outline="black")


def _line(draw: ImageDraw, start: tuple[float, float], end: tuple[float, float], name: str) -> None:
    dash, gap = DASHES[name]
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    for begun in np.arange(0.0, length, dash + gap) if gap else (0.0,):
        shares = begun / max(length, 1.0), min(1.0, (begun + dash) / max(length, 1.0)) if gap else 1.0
        ends = [tuple(a + (b - a) * share for a, b in zip(start, end, strict=True)) for share in shares]
        draw.line(ends, fill=(0, 0, 0, 90), width=4)  # seen on bright ground too
        draw.line(ends, fill=COLOURS[name], width=2)


def _legend(draw: ImageDraw | None, pair: DrawnPair) -> int:
    """The classes that there are, below the photographs; drawn or not, its width in pixels."""
    x, y = float(EDGE), HEIGHT + TOP + 3
    for name in CLASSES:
        count = int((pair.classes == name).sum())
        if not count and name != MATCH:
            continue
        text = f"{name} {count}"
        if draw:
            draw.rectangle([x, y + 1, x + SAMPLE, y + 15], fill="black")
            _line(draw, (x + 3, y + 8), (x + SAMPLE - 3, y + 8), name)
            draw.text((x + SAMPLE + 6, y), text, "black", _font())
        x += SAMPLE + 6 + _length(text) + 14
    for note in _notes(pair):
        if draw:
            draw.text((x, y), note, "#444", _font())
        x += _length(note) + 14
    return round(x)


def _notes(pair: DrawnPair) -> list[str]:
    told = [] if pair.checked else ["no geometric check"]
    return told + ([] if pair.on is not None else ["no mask"]) + [f"no keypoint in the {name}" for name in pair.empty]


def _length(text: str) -> float:
    return float(_font().getlength(text))


@cache
def _font() -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(TEXT)
