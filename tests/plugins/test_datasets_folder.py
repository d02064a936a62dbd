"""folder: what lies on an ecologist's disk, taken as it stands, and told where it cannot be."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from harness_plugins.datasets.folder import Folder, FolderConfig, build
from pydantic import ValidationError

from harness import DataError, Dataset
from harness.config import deciding
from harness.registry import Registry

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"


def touch(root: Path, *names: str) -> Path:
    """Make (empty) files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def made(root: Path, **settings: Any) -> Folder:
    return build(FolderConfig(root=str(root), **settings), Path("unused"))


def test_real_photographs() -> None:
    root = SHARED / "wildlifereid10k-mini" / "images" / "LionData"
    if not root.is_dir():
        pytest.skip("no photographs in ../shared/data")
    dataset = Registry.load().resolve("dataset", f"folder[root={root},species=lion]").build(Path("unused"))
    table = dataset.table()
    assert (len(table), len(set(table.identity))) == (740, 94)
    assert set(table.species) == {"lion"}
    assert set(table.split) == {""}
    assert dataset.skipped == {}


def test_individuals_encounters_and_suffixes(tmp_path: Path) -> None:
    touch(tmp_path, "Ann/1.JPG", "Ann/2019/b.jpeg", "Ann/2019/a.png", "Ann/2020/May/c.webp", "Bob/2019/d.TIFF")
    touch(tmp_path, "Bob/e.bmp", "Bob/f.tif", "Cy/only.jpg")
    dataset = made(tmp_path)
    assert isinstance(dataset, Dataset)
    table = dataset.table()
    groups = dict(zip(table.path.tolist(), table.group.tolist(), strict=True))
    assert groups == {
        "Ann/1.JPG": "",
        "Ann/2019/a.png": "Ann/2019",
        "Ann/2019/b.jpeg": "Ann/2019",
        "Ann/2020/May/c.webp": "Ann/2020/May",
        "Bob/2019/d.TIFF": "Bob/2019",
        "Bob/e.bmp": "",
        "Bob/f.tif": "",
        "Cy/only.jpg": "",
    }
    assert table.path.tolist() == sorted(groups)
    assert table.identity.tolist() == ["Ann"] * 4 + ["Bob"] * 3 + ["Cy"]
    assert dataset.noted == {"individuals_with_one_image": 1}
    assert dataset.skipped == {}


def test_a_copy_elsewhere_is_the_same_data(tmp_path: Path) -> None:
    one, two = (made(touch(tmp_path / name, "Ann/1.jpg")).table() for name in ("one", "two"))
    for column in ("image_id", "path", "identity", "dataset", "group"):
        assert getattr(one, column).tolist() == getattr(two, column).tolist()
    assert "root" not in deciding(FolderConfig(root="/somewhere"))


@pytest.mark.parametrize(
    "name", ["Old Tom ", "Zoë", "雪豹 7", "<script>alert(1)</script>", "50%;'\"&", "unknown", "-r"]
)
def test_a_name_is_kept_as_it_stands(tmp_path: Path, name: str) -> None:
    touch(tmp_path, f"{name.replace('/', '∕')}/1.jpg")
    assert made(tmp_path).table().identity.tolist() == [name.replace("/", "∕")]


def test_what_is_passed_over_is_counted_and_named(tmp_path: Path) -> None:
    touch(
        tmp_path, "Ann/1.jpg", "Ann/2.jpg", "Ann/3.HEIC", "Ann/notes.txt", "stray.jpg", "Bob/.2.jpg", ".cache/x/3.jpg"
    )
    touch(tmp_path, "Ann/.DS_Store", "Bob/._1.jpg")
    dataset = made(tmp_path)
    assert dataset.table().path.tolist() == ["Ann/1.jpg", "Ann/2.jpg"]
    assert dataset.skipped == {"other_files": 2, "outside_individuals": 1}
    assert dataset.culprits["other_files"].endswith("3.HEIC")
    assert dataset.culprits["outside_individuals"].endswith("stray.jpg")
    assert dataset.noted == {"folders_without_images": 1}


def test_no_root_is_an_error() -> None:
    with pytest.raises(DataError, match=r"folder\[root=PATH\]"):
        build(FolderConfig(), Path("unused"))


@pytest.mark.parametrize("names", [(), ("1.jpg", "2.jpg"), ("Ann/notes.txt",), (".hidden/1.jpg",)])
def test_a_root_without_individuals(tmp_path: Path, names: tuple[str, ...]) -> None:
    touch(tmp_path, *names)
    with pytest.raises(DataError, match="<root>/<individual>") as caught:
        made(tmp_path).table()
    strays = sum("/" not in name for name in names)
    assert f"({strays} lie in the root itself)" in caught.value.problem


def test_a_root_that_is_missing_or_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "file.jpg")
    for name in ("nowhere", "file.jpg"):
        with pytest.raises(DataError, match=name):
            made(tmp_path / name).table()


@pytest.mark.parametrize("linked", ["Ann", "Ann/1.jpg", "Ann/may"])
def test_a_link_that_leaves_the_root(tmp_path: Path, linked: str) -> None:
    root, away = touch(tmp_path / "root", "Ann/1.jpg", "Ann/may/2.jpg"), tmp_path / "away"
    (root / linked).rename(away)
    (root / linked).symlink_to(away)
    with pytest.raises(DataError, match="leaves the root") as caught:
        made(root).table()
    assert str(root / linked) in caught.value.problem


def test_links_within_the_root(tmp_path: Path) -> None:
    root = touch(tmp_path / "root", "Ann/1.jpg", "Bob/2.jpg")
    (root / "Ann/again.jpg").symlink_to(root / "Bob/2.jpg")
    (root / "Cy").symlink_to(root / "Ann")
    (root / "Bob/loop").symlink_to(root)
    (tmp_path / "link").symlink_to(root)
    dataset = made(tmp_path / "link")
    assert dataset.table().path.tolist() == ["Ann/1.jpg", "Ann/again.jpg", "Bob/2.jpg"]
    assert dataset.skipped == {"linked_folders": 2}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such a name themselves")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "Ann").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "Ann") + b"/\xff.jpg")).touch()
    with pytest.raises(DataError, match="no valid UTF-8"):
        made(tmp_path).table()


# ---- masks


def test_masks_lie_in_a_parallel_tree(tmp_path: Path) -> None:
    touch(tmp_path, "Ann/1.jpg", "Ann/may/2.jpg", "Bob/3.jpg", "masks/Ann/1.png", "masks/Ann/may/2.jpg")
    dataset = made(tmp_path, masks="masks/")
    table = dataset.table()
    assert table.mask.tolist() == ["masks/Ann/1.png", "masks/Ann/may/2.jpg", ""]
    assert set(table.identity) == {"Ann", "Bob"}
    assert dataset.noted == {"individuals_with_one_image": 1, "images_without_mask": 1}
    assert dataset.skipped == {}
    assert "masks" in set(made(tmp_path).table().identity), "without the setting it is a folder as any other"


def test_masks_that_are_not_there(tmp_path: Path) -> None:
    touch(tmp_path, "Ann/1.jpg")
    with pytest.raises(DataError, match=r"there is no folder .*shapes"):
        made(tmp_path, masks="shapes").table()


@pytest.mark.parametrize("masks", ["../masks", "/masks", "a/../../b", "."])
def test_masks_stay_below_the_root(masks: str) -> None:
    with pytest.raises(ValidationError, match="below root"):
        FolderConfig(root="x", masks=masks)


def test_nothing_to_prepare(tmp_path: Path) -> None:
    touch(tmp_path, "Ann/1.jpg")
    made(tmp_path).prepare(tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()
