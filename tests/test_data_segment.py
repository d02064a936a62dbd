"""``harness data segment`` as a user types it: figures, the sheet, and what cannot be done."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from support import HERD

from harness.cli import main
from harness.cli.masks_view import darkened


@pytest.fixture(autouse=True)
def _drawn(tmp_path: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(drawn, tmp_path / "store")
    monkeypatch.chdir(tmp_path)


def call(*words: str) -> Result:
    return CliRunner().invoke(main, ["data", "segment", HERD, *words])


def told(*words: str) -> dict[str, Any]:
    result = call(*words, "--json")
    assert result.exit_code == 0, result.output
    read: dict[str, Any] = json.loads(result.stdout)
    return read


def test_guessed_masks_are_held_against_those_of_the_data_set() -> None:
    found = told("--images", "6")
    assert (found["photographs"], found["with masks of their own"]) == (6, 6)
    assert 0 < found["intersection over union, least"] < found["intersection over union, mean"] < 1
    assert 0 < found["animal's share"] < 1


def test_the_sets_own_masks_have_nothing_to_be_held_against() -> None:
    assert told("--images", "6", "--segmenter", "column").keys() == {"photographs", "animal's share"}
    assert told("--images", "999", "--segmenter", "column")["photographs"] == 52, "no photograph comes twice"


def test_the_sheet_has_a_place_for_every_photograph() -> None:
    assert "photographs  7" in call("--images", "7", "--segmenter", "column", "--out", "sheet.png").output
    with Image.open("sheet.png") as sheet:
        assert sheet.size == (6 * 206 + 6, 2 * 206 + 6)
        page = np.asarray(sheet)
    assert (page[206:, 300:] == 255).all(), "the second row has one photograph"
    assert (page[220:230, 8:60] < 255).any()


def test_pixels_off_the_animal_are_darkened() -> None:
    image = np.full((1, 2, 3), 200, np.uint8)
    assert darkened(image, np.array([[255, 0]], np.uint8)).tolist() == [[[200] * 3, [50] * 3]]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--segmenter", "hub"], "hub cannot run: weights deeplabv3"),
        (["--segmenter", "grabcat"], "Did you mean grabcut?"),
        (["--images", "2", "--segmenter", "column", "--out", "sheet.doc"], "sheet.doc is no kind of picture"),
        (["--images", "2", "--segmenter", "column", "--out", "gone/sheet.png"], "cannot write gone/sheet.png"),
    ],
)
def test_what_cannot_be_done_is_told(words: list[str], problem: str) -> None:
    result = call(*words)
    assert result.exit_code != 0
    assert problem in result.output
