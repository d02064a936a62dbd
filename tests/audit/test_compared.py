"""Comparisons come from the store the second time, and a pair is known by what its files hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictures import textured
from PIL import Image

from harness.audit import compared as module
from harness.audit.compared import compared
from harness.audit.photographs import Photograph, compare
from harness.digests import with_digests
from harness.images import read_image
from harness.progress import Quiet
from harness.store import Store
from harness.table import ImageTable
from harness.workbench import Workbench


@pytest.fixture
def photos(tmp_path: Path) -> ImageTable:
    picture = textured(120, 160)
    for name, image in (("q", picture[:, 40:]), ("a", picture), ("b", textured(120, 160, seed=2)), ("c", picture)):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    names = np.array(["q.png", "a.png", "b.png", "c.png"])
    table = ImageTable(root=tmp_path, image_id=names, path=names, identity=np.array(["x", "x", "x", "y"]))
    return with_digests(table, tmp_path / "files.sqlite", "error", Quiet())[0]


def ask(table: ImageTable, store: Path) -> dict[tuple[int, int], Photograph]:
    query, gallery = table.select([0]), table.select([1, 2, 3])
    scopes = np.array([""]), np.array(["", "", ""])
    return compared(Workbench(Store(store), Quiet(), lambda **_: None), query, gallery, *scopes)


def test_pairs_of_one_individual_are_compared_and_remembered(
    photos: ImageTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(photos, tmp_path / "store")
    root = photos.root
    assert first == {(0, n): compare(read_image(root / "q.png"), read_image(root / f"{'ab'[n]}.png")) for n in (0, 1)}
    assert [photo.same for photo in first.values()] == [True, False]
    monkeypatch.setattr(module, "read_image", None)  # whoever reads now, fails
    assert ask(photos, tmp_path / "store") == first


def test_no_pair_is_no_work(photos: ImageTable, tmp_path: Path) -> None:
    strangers = photos.with_columns(identity=["x", "y", "y", "y"])
    assert ask(strangers, tmp_path / "store") == {}
    assert not list((tmp_path / "store" / "collections").iterdir())
