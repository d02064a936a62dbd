"""Reading photographs: every kind of file becomes upright RGB, every broken one an error that names it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from harness import DataError
from harness.images import Photographs, read_image, read_mask

FORMATS = ("jpg", "png", "webp", "bmp", "tif")
HEIGHT, WIDTH = 30, 50


def picture() -> np.ndarray:
    """A smooth RGB picture, wider than high: red grows to the right, green downwards, blue is even."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.dstack([x * 5, y * 8, np.full_like(x, 40)]).astype(np.uint8)


def save(path: Path, array: np.ndarray | Pil.Image, **settings: object) -> Path:
    image = array if isinstance(array, Pil.Image) else Pil.fromarray(array)
    image.save(path, **settings)
    return path


def near(one: np.ndarray, other: np.ndarray, off: float = 6) -> bool:
    return one.shape == other.shape and float(np.abs(one.astype(float) - other).mean()) < off


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_image(path)
    assert str(path) in caught.value.problem, "the error names the file"
    assert caught.value.advice
    return caught.value.problem


@pytest.mark.parametrize("suffix", FORMATS)
def test_formats(tmp_path: Path, suffix: str) -> None:
    read = read_image(save(tmp_path / f"x.{suffix}", picture()))
    assert read.dtype == np.uint8
    assert near(read, picture())
    assert suffix in ("jpg", "webp") or (read == picture()).all()


# ---- broken files


def test_missing(tmp_path: Path) -> None:
    assert "is missing" in refused(tmp_path / "no.jpg")


@pytest.mark.parametrize("content", [b"", b"no image", b"<html>404</html>", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_not_an_image(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.jpg").write_bytes(content)
    assert "cannot be decoded" in refused(tmp_path / "x.jpg")


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    refused(tmp_path)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("suffix", FORMATS)
def test_truncated(tmp_path: Path, suffix: str, share: float) -> None:
    rng = np.random.default_rng(0)
    path = save(tmp_path / f"x.{suffix}", rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "cannot be decoded" in refused(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [*FORMATS, "gif"])
def test_damage_never_escapes_as_another_error(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(1)
    buffer = io.BytesIO()
    Pil.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(
        buffer, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper())
    )
    for _ in range(60):
        content = np.frombuffer(buffer.getvalue(), np.uint8).copy()
        content[rng.integers(0, min(len(content), 300), 8)] = rng.integers(0, 255, 8)
        (tmp_path / f"x.{suffix}").write_bytes(content.tobytes())
        try:
            read = read_image(tmp_path / f"x.{suffix}")
            assert read.ndim == 3
        except DataError:
            pass


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "x.png", picture())
    monkeypatch.setattr(Pil, "MAX_IMAGE_PIXELS", HEIGHT * WIDTH // 3)
    refused(path)


# ---- orientation


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, 1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, -1)),
    ],
)
def test_turned_upright_by_exif(tmp_path: Path, orientation: int, stored: object) -> None:
    exif = Pil.Exif()
    exif[0x0112] = orientation
    assert callable(stored)
    path = save(tmp_path / "x.jpg", np.ascontiguousarray(stored(picture())), exif=exif, quality=95)
    assert near(read_image(path), picture())


# ---- colour


def test_greyscale(tmp_path: Path) -> None:
    grey = picture()[..., 0]
    assert (read_image(save(tmp_path / "x.png", grey)) == grey[..., None]).all()


def test_one_bit(tmp_path: Path) -> None:
    bits = picture()[..., 0] > 127
    assert (read_image(save(tmp_path / "x.png", Pil.fromarray(bits))) == np.where(bits, 255, 0)[..., None]).all()


def test_transparency_is_dropped_and_colours_stay(tmp_path: Path) -> None:
    alpha = np.full((HEIGHT, WIDTH, 1), 60, np.uint8)
    assert (read_image(save(tmp_path / "x.png", np.dstack([picture(), alpha]))) == picture()).all()
    grey = picture()[..., 0]
    with_alpha = Pil.merge("LA", [Pil.fromarray(grey), Pil.fromarray(alpha[..., 0])])
    assert (read_image(save(tmp_path / "y.png", with_alpha)) == grey[..., None]).all()


def test_palette(tmp_path: Path) -> None:
    palette = Pil.fromarray(picture()).quantize(64)
    assert palette.mode == "P"
    assert (read_image(save(tmp_path / "x.png", palette)) == np.asarray(palette.convert("RGB"))).all()
    assert near(read_image(save(tmp_path / "x.gif", palette)), picture(), 12)


def test_cmyk(tmp_path: Path) -> None:
    cmyk = Pil.fromarray(picture()).convert("CMYK")
    for name in ("x.jpg", "x.tif"):
        assert near(read_image(save(tmp_path / name, cmyk)), picture())


def test_sixteen_bit_colour(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite(str(tmp_path / "x.png"), picture()[..., ::-1].astype(np.uint16) * 257)
    assert (read_image(tmp_path / "x.png") == picture()).all()


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_greyscale(tmp_path: Path, suffix: str) -> None:
    grey = picture()[..., 0]
    read = read_image(save(tmp_path / f"x.{suffix}", grey.astype(np.uint16) * 257))
    assert (read == grey[..., None]).all()


# ---- masks and photographs by position


def test_a_mask_is_black_and_white(tmp_path: Path) -> None:
    grey = np.array([[0, 127, 128, 255]], np.uint8)
    assert read_mask(save(tmp_path / "m.png", grey)).tolist() == [[0, 0, 255, 255]]
    with pytest.raises(DataError, match="is missing"):
        read_mask(tmp_path / "no.png")


def test_photographs_are_read_when_asked_for(tmp_path: Path) -> None:
    save(tmp_path / "a.png", picture())
    photographs = Photographs(tmp_path, ["a.png", "later.png"])
    assert len(photographs) == 2
    assert (photographs[0] == picture()).all()
    with pytest.raises(DataError, match=r"later\.png is missing"):
        photographs[1]
    with pytest.raises(IndexError):
        photographs[2]
    assert len(list(Photographs(tmp_path, ["a.png", "a.png"]))) == 2
