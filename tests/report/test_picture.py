"""A pair as one picture: where its lines lie, their colours, and texts of any length."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_pair import PAIR
from PIL import Image as Pil
from PIL.ImageColor import getrgb

from harness.errors import DataError, StoreError
from harness.report.pair import BACKGROUND, CLASSES, MATCH, OUTLIER
from harness.report.picture import COLOURS, GAP, HEIGHT, TOP, _length, cut, drawing, save_picture

GREY = (np.full((20, 40, 3), 128, np.uint8), np.full((30, 30, 3), 128, np.uint8))
NAMES = ("one", "other")


def pixels(pair: object = PAIR, names: tuple[str, str] = NAMES) -> np.ndarray:
    return np.asarray(drawing(pair, GREY, names))  # type: ignore[arg-type]


def test_the_ends_of_a_match_lie_where_its_keypoints_are() -> None:
    seen = pixels()
    assert seen.shape == (HEIGHT + 2 * TOP, 2 * HEIGHT + GAP + HEIGHT, 3)
    scales = HEIGHT / 20, HEIGHT / 30
    left = 2 * HEIGHT + GAP
    for (first, second), name in zip(PAIR.indices.tolist(), (MATCH, BACKGROUND, OUTLIER), strict=True):
        x, y = PAIR.keypoints[0][first] * scales[0] + [0, TOP]
        assert tuple(seen[round(float(y)), round(float(x))]) == getrgb(COLOURS[name])
        if (first, second) != (2, 0):  # a plain match lies over this end
            x, y = PAIR.keypoints[1][second] * scales[1] + [left, TOP]
            assert tuple(seen[round(float(y)), round(float(x))]) == getrgb(COLOURS[name])


def test_the_legend_names_the_classes_that_there_are() -> None:
    def shades(picture: np.ndarray) -> set[tuple[int, ...]]:
        below = picture[HEIGHT + TOP :].reshape(-1, 3)
        return {tuple(int(v) for v in colour) for colour in np.unique(below, axis=0)}

    assert {getrgb(COLOURS[name]) for name in CLASSES} <= shades(pixels())
    plain = shades(pixels(replace(PAIR, checked=False, on=None)))
    assert getrgb(COLOURS[MATCH]) in plain
    assert not {getrgb(COLOURS[BACKGROUND]), getrgb(COLOURS[OUTLIER])} & plain


def test_a_narrow_pair_has_room_for_its_legend() -> None:
    high = np.zeros((100, 4, 3), np.uint8)
    pair = replace(PAIR, sizes=((4, 100), (4, 100)), keypoints=(PAIR.keypoints[0] / 10, PAIR.keypoints[1] / 10))
    picture = drawing(pair, (high, high), NAMES)
    assert picture.width > 300
    assert np.asarray(picture)[HEIGHT + TOP :, -4:].min() == 255, "the legend ends before the picture does"


def test_long_ids_are_cut_in_their_middle_and_odd_ones_do_no_harm() -> None:
    long = "camera-trap-" * 30 + "0412.jpg"
    short = cut(long, 200)
    assert short.startswith("camera")
    assert short.endswith("412.jpg")
    assert "..." in short
    assert _length(short) <= 200
    assert cut("short", 200) == "short"
    assert cut("two\nlines\x00\u202e", 200) == "two lines"
    assert cut("anything", 0) == ""
    pixels(names=(long, "狐 <script>\n"))


def test_an_empty_pair_and_a_line_without_length_are_drawn() -> None:
    none = replace(
        PAIR,
        keypoints=(np.zeros((0, 2), np.float32), PAIR.keypoints[1]),
        indices=np.zeros((0, 2), np.int32),
        scores=np.zeros(0, np.float32),
        inliers=np.zeros(0, np.bool_),
        on=None,
    )
    pixels(none)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".webp"])
def test_a_picture_is_written_in_the_form_of_its_name(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"pair{suffix}"
    path.write_text("an older one")
    save_picture(path, PAIR, GREY, NAMES)
    with Pil.open(path) as picture:
        assert picture.height == HEIGHT + 2 * TOP


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"pair\.gif"):
        save_picture(tmp_path / "pair.gif", PAIR, GREY, NAMES)
    with pytest.raises(StoreError):
        save_picture(tmp_path / "nowhere" / "pair.png", PAIR, GREY, NAMES)
