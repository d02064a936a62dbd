"""Photographs in small: bounded, upright, made once, and told where they cannot be read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.progress import Quiet
from harness.report.photos import PICTURE, THUMBNAIL, Photos, shrunk
from harness.report.site import Site
from harness.store import Store
from harness.table import ImageTable

N = 6


@pytest.fixture
def table(tmp_path: Path) -> ImageTable:
    root = tmp_path / "secret-folder"
    root.mkdir()
    for number in range(N):
        Image.new("RGB", (400, 200), (40 * number, 0, 0)).save(root / f"{number}.png")
    (root / "4.png").write_bytes(b"no picture")
    (root / "5.png").unlink()
    names = np.array([f"{number}.png" for number in range(N)])
    digests = np.array([f"{number:064x}"[::-1] for number in range(N)])
    return ImageTable(root, names, names, names, digest=digests)


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return Photos(Site(tmp_path / "site"), Store(tmp_path / "store"), 3)


def test_no_more_are_shown_than_were_asked_for(photos: Photos, table: ImageTable, tmp_path: Path) -> None:
    paths = [photos.thumbnail(table, row) for row in (0, 1, 2, 3, 0)]
    assert [bool(path) for path in paths] == [True, True, True, False, True]
    assert paths[0] == paths[4]
    assert photos.shown == 3
    assert photos.refused == 1
    with Image.open(tmp_path / "site" / paths[0]) as small:
        assert small.size == (THUMBNAIL, THUMBNAIL // 2)
    with Image.open(tmp_path / "site" / photos.picture(table, 0)) as larger:
        assert larger.size == (400, 200), "never enlarged"
    assert photos.picture(table, 3) == ""


def test_what_cannot_be_read_is_told_without_its_folder(photos: Photos, table: ImageTable) -> None:
    assert photos.thumbnail(table, 4) == ""
    photos.prepare([(table, 5), (table, 4), (table, 0)], Quiet())
    assert photos.head(table, 5) == ""
    told = list(photos.damaged.values())
    assert any("4.png cannot be decoded" in text for text in told)
    assert any("5.png is missing" in text for text in told)
    assert not any("secret-folder" in text for text in told)
    assert photos.shown == 1


def test_a_thumbnail_is_made_once(photos: Photos, table: ImageTable, tmp_path: Path) -> None:
    photos.prepare(((table, row) for row in range(N)), Quiet())
    assert photos.shown == 3
    (table.root / "0.png").unlink()
    again = Photos(Site(tmp_path / "second"), photos.store, 3)
    assert again.thumbnail(table, 0)
    assert not again.damaged


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (300, 100)).save(tmp_path / "turned.jpg", exif=exif)
    with Image.open(io.BytesIO(shrunk(tmp_path / "turned.jpg", PICTURE))) as small:
        assert small.size == (100, 300)
