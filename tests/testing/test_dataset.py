"""DatasetContract: a right data set passes, and each wrong one is caught by the test meant for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from testing.wrong import Wrong

from harness.testing import samples

RIGHT = """
import shutil
import uuid
import numpy as np
from pathlib import Path
from harness import Config, DataError, DatasetSpec, ImageTable, hookimpl, location

class Settings(Config):
    root: str = location("", "where the photographs are")

class Mine:
    def __init__(self, config, folder):
        if not config.root:
            raise DataError("no root", "Give root=PATH.")
        self.root = Path(config.root)

    def prepare(self, folder):
        pass

    def table(self):
        paths = sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*.png"))
        photographs = [path for path in paths if not path.startswith("masks/")]
        ids = photographs
        animals = [path.split("/")[0] for path in photographs]
        masks = ["masks/" + path if "masks/" + path in paths else "" for path in photographs]
        return ImageTable(self.root, np.array(ids), np.array(photographs), np.array(animals), mask=np.array(masks))

@hookimpl
def harness_datasets():
    yield DatasetSpec(name="mine", version="1", config=Settings, build=Mine, summary="a data set", licence="MIT")
"""


def laid(instance: Any, folder: Path) -> dict[str, str]:
    """Four photographs of two animals, two of them with masks; a copy of all in ``spare``, which is no photograph."""
    root = folder / "root"
    for number, name in enumerate(("a/1", "a/2", "b/1", "b/2")):
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(samples.picture(24, 32, number)).save(path)
        (root / "spare").mkdir(exist_ok=True)
        (root / "spare" / name.replace("/", "-")).write_bytes(path.read_bytes())
    (root / "masks" / "a").mkdir(parents=True)
    for name in ("1", "2"):
        Image.new("L", (32, 24), 255).save(root / "masks" / "a" / f"{name}.png")
    return {"root": str(root)}


TABLE = "    def table(self):\n"
WRONG = {
    "prints": Wrong("paths = sorted", "print(self.root); paths = sorted", {"test_it_prints_nothing"}),
    "lists files that are not there": Wrong(
        "ids = photographs",
        "photographs.append('c/9.png'); ids = photographs",
        {"test_the_table_has_rows_of_files_that_are_there"},
        frozenset(
            {
                "test_a_copy_elsewhere_has_the_same_fingerprint",
                "test_the_fingerprint_changes_with_a_byte",
                "test_every_file_lies_inside_the_root",
            }
        ),
    ),
    "leads out of its folder": Wrong(
        TABLE,
        TABLE + "        away = self.root.parent / 'away'; away.mkdir(exist_ok=True)\n"
        "        if not (self.root / 'c').exists():\n"
        "            shutil.copy(self.root / 'a/1.png', away); (self.root / 'c').mkdir()\n"
        "            (self.root / 'c/1.png').symlink_to(away / '1.png')\n",
        {"test_every_file_lies_inside_the_root"},
    ),
    "gives roles": Wrong(
        "mask=np", "role=np.array(['train'] * len(ids)), mask=np", {"test_roles_are_left_to_the_protocol"}
    ),
    "numbers its rows anew each time": Wrong(
        "ids = photographs",
        "ids = [uuid.uuid4().hex for _ in photographs]",
        {"test_the_rows_are_the_same_each_time", "test_a_copy_elsewhere_has_the_same_fingerprint"},
    ),
    "names its rows by where they lie": Wrong(
        "ids = photographs",
        "ids = [str(self.root / path) for path in photographs]",
        {"test_a_copy_elsewhere_has_the_same_fingerprint"},
    ),
    "puts changed files back": Wrong(
        TABLE,
        TABLE + "        for path in (self.root / 'spare').iterdir():\n"
        "            shutil.copy(path, self.root / (path.name.replace('-', '/') + '.png'))\n",
        {"test_the_fingerprint_changes_with_a_byte"},
    ),
    "writes its files anew": Wrong(
        "        pass\n",
        "        (self.root / 'a/1.png').write_bytes((self.root / 'a/1.png').read_bytes() + b' ')\n",
        {"test_preparing_again_changes_nothing"},
        frozenset({"test_two_builds_give_equal_bytes"}),
    ),
    "leaves a trace of its own": Wrong(
        TABLE, TABLE + "        (self.root / uuid.uuid4().hex).touch()\n", {"test_two_builds_give_equal_bytes"}
    ),
    "lists nothing": Wrong(
        '"*.png"',
        '"*.jpg"',
        {"test_the_table_has_rows_of_files_that_are_there"},
        frozenset(
            {
                "test_the_fingerprint_changes_with_a_byte",
                "test_a_copy_elsewhere_has_the_same_fingerprint",
                "test_roles_are_left_to_the_protocol",
            }
        ),
    ),
}


def test_a_right_data_set_passes(passes: Callable[..., dict[str, str]]) -> None:
    assert passes("dataset", RIGHT, sample=laid) == {}


def test_masks_of_another_size_are_caught(run: Callable[..., dict[str, str]]) -> None:
    def small(instance: Any, folder: Path) -> dict[str, str]:
        settings = laid(instance, folder)
        Image.new("L", (24, 32), 255).save(folder / "root" / "masks" / "a" / "1.png")
        return settings

    found = run("dataset", RIGHT, sample=small)
    assert [name for name, text in found.items() if text] == ["test_masks_have_the_size_of_their_photographs"]


def test_without_a_sample_it_is_skipped_with_the_reason(passes: Callable[..., dict[str, str]]) -> None:
    skipped = passes("dataset", RIGHT)
    reason = "skipped: its files are not there (no root): override sample() to lay a few"
    assert set(skipped.values()) == {reason}
    assert "test_the_fingerprint_changes_with_a_byte" in skipped


def test_a_data_set_that_draws_itself_has_no_such_excuse(run: Callable[..., dict[str, str]]) -> None:
    found = run("dataset", RIGHT.replace('licence="MIT"', 'licence="MIT", generated=True'))
    assert found["test_the_table_has_rows_of_files_that_are_there"].startswith("failed: no root")


def test_files_that_are_not_the_kits_are_never_changed(run: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    root = Path(laid(None, tmp_path / "own")["root"])
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    found = run("dataset", RIGHT, plugin=f"mine[root={root}]")
    assert found["test_the_fingerprint_changes_with_a_byte"].startswith("skipped: its files are not the kit's")
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_data_set_is_caught(catches: Callable[..., None], wrong: Wrong) -> None:
    catches("dataset", RIGHT, wrong, sample=laid)
