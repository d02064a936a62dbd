"""The contact sheet of the default herd: ``python -m harness_plugins.datasets._herd_sheet docs/contact-sheet.png``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._herd_camera import Picture, take
from ._herd_files import coats_of
from ._herd_plan import SPECIES, Shot, plan
from .synthetic_herd import HerdConfig

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

COLUMNS, GAP, LINE = 5, 6, 24
PAPER, INK, FAINT = (250, 249, 246), (38, 38, 38), (110, 108, 104)
CAPTIONS = {"spots": "Poisson-disc rosettes", "stripes": "warped, forking stripes", "maze": "Gray-Scott labyrinth"}


def sheet(config: HerdConfig) -> Image:
    """Two rows a species and a column an individual, one flank in two encounters; then what makes it hard."""
    from PIL import Image, ImageDraw

    herd = plan(config)
    width, height = config.size + GAP, config.height + GAP
    blocks = len(SPECIES) * (2 * height + LINE) + height + 2 * LINE
    page = Image.new("RGB", (COLUMNS * width + GAP, blocks + GAP), PAPER)
    pen = ImageDraw.Draw(page)
    top = 0
    for pattern, species in SPECIES.items():
        _caption(pen, top, f"{species}: {CAPTIONS[pattern]}", "each column one individual, in two encounters")
        chosen = [shots for shots in herd if shots[0].pattern == pattern and _pair(shots)][:COLUMNS]
        for column, shots in enumerate(chosen):
            for row, shot in enumerate(_pair(shots)):
                _paste(page, _photograph(config, shots, shot)[0], column * width, top + LINE + row * height)
        top += LINE + 2 * height
    _caption(pen, top, "what makes it hard", "two flanks, bursts, clutter; a mask comes with each photograph")
    for column, (label, picture) in enumerate(_hardships(config, herd)):
        _paste(page, picture, column * width, top + LINE)
        pen.text((GAP + column * width, top + LINE + height), label, FAINT, font=_font(12))
    return page


def _pair(shots: list[Shot]) -> list[Shot]:
    """The first photograph of a training encounter, and one of a test encounter that shows the same flank."""
    train = {shot.side: shot for shot in reversed(shots) if shot.split == "train"}
    return next(([train[s.side], s] for s in shots if s.split == "test" and s.side in train), [])


def _hardships(config: HerdConfig, herd: list[list[Shot]]) -> list[tuple[str, Picture]]:
    """A picture for each difficulty: the other flank, near-duplicates, an animal that is hidden, and the mask."""
    both = next(shots for shots in herd if {s.side for s in shots} == {"left", "right"})
    left, right = (next(s for s in both if s.side == side) for side in ("left", "right"))
    burst, shots = next((s, shots) for shots in herd[1:] for s in shots if s.burst_of)
    first = next(s for s in shots if s.key == burst.burst_of)
    picture, mask = _photograph(config, shots, burst)
    cut = np.where(mask[..., None] > 0, picture, np.uint8(255))
    return [
        ("left flank", _photograph(config, both, left)[0]),
        ("its right flank: another coat", _photograph(config, both, right)[0]),
        ("a frame", _photograph(config, shots, first)[0]),
        ("its near-duplicate", picture),
        ("its foreground mask", cut),
    ]


def _photograph(config: HerdConfig, shots: list[Shot], shot: Shot) -> tuple[Picture, Picture]:
    return take(config, shot, coats_of(config, [s for s in shots if s.side == shot.side])[shot.side])


def _paste(page: Image, picture: NDArray[np.uint8], left: int, top: int) -> None:
    from PIL import Image

    page.paste(Image.fromarray(picture), (GAP + left, top))


def _caption(pen: ImageDraw, top: int, text: str, more: str) -> None:
    pen.text((GAP, top + 5), text, INK, font=_font(14))
    pen.text((GAP + pen.textlength(text, font=_font(14)) + 12, top + 6), more, FAINT, font=_font(12))


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def main() -> None:
    """Write the sheet as a PNG of few colours, which keeps it small."""
    from PIL import Image

    parser = argparse.ArgumentParser(description="Draw the contact sheet of the default synthetic herd.")
    parser.add_argument("file", type=Path)
    page = sheet(HerdConfig())
    page.quantize(192, dither=Image.Dither.NONE).save(parser.parse_args().file, optimize=True)


if __name__ == "__main__":
    main()
