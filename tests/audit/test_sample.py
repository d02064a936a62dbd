"""Samples of queries: at most so many, masks that say something, and pictures by position."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from looks import ANIMALS, SIDE, herd, mask, picture
from PIL import Image
from tiny import Quiet

from harness import DataError
from harness.audit.altered import VERSIONS, altered, without_animal
from harness.audit.sample import ALTERED, Pictures, draw
from harness.masks import Masks


def test_as_many_known_queries_as_wanted(tmp_path: Path) -> None:
    table = herd(tmp_path).table
    few, all_of_them = (draw(table, Masks(table), most, 0, Quiet()) for most in (2, 100))
    assert (len(few.rows), len(all_of_them.rows), all_of_them.left_out) == (2, ANIMALS, 0)
    assert set(table.role[all_of_them.rows]) == {"query"}
    assert (table.identity[all_of_them.others] != table.identity[all_of_them.rows]).all()
    assert {tuple(draw(table, Masks(table), 2, seed, Quiet()).rows) for seed in range(10)} != {tuple(few.rows)}


def test_new_individuals_are_not_asked(tmp_path: Path) -> None:
    table = herd(tmp_path).table
    known = table.known & (table.identity != "animal 0")
    rows = draw(table.with_columns(known=known), Masks(table), 100, 0, Quiet()).rows
    assert sorted(table.identity[rows]) == [f"animal {i}" for i in range(1, ANIMALS)]


def test_queries_whose_mask_says_nothing_are_passed_over(tmp_path: Path) -> None:
    table = herd(tmp_path).table
    Image.fromarray(np.zeros((SIDE, SIDE), np.uint8)).save(tmp_path / "empty.png")
    empty = np.where(table.role == "query", "empty.png", "mask.png")
    empty[np.flatnonzero(table.role == "query")[:2]] = "mask.png"
    sample = draw(table.with_columns(mask=empty), Masks(table.with_columns(mask=empty)), 100, 0, Quiet())
    assert (len(sample.rows), sample.left_out) == (2, ANIMALS - 2)
    assert sample.others.tolist() == sample.rows[::-1].tolist(), "the only other one with a background"
    one = empty.copy()
    one[np.flatnonzero(table.role == "query")[1]] = "empty.png"
    for masks, message in ((one, "no query of another individual"), (np.full(len(table), "empty.png"), "none of 6")):
        changed = table.with_columns(mask=masks)
        with pytest.raises(DataError, match=f"{message}(.|\n)*--segmenter grabcut"):
            draw(changed, Masks(changed), 100, 0, Quiet())


def test_pictures_are_the_versions_in_turn(tmp_path: Path) -> None:
    table = herd(tmp_path).table
    sample = draw(table, Masks(table), 2, 0, Quiet())
    pictures = Pictures(table, Masks(table), sample)
    assert (len(pictures), ALTERED) == (8, VERSIONS[1:])
    shots = {int(row): picture(row // 3, row % 3) for row in (*sample.rows, *sample.others)}
    for index in range(8):
        row, other = (int(rows[index % 2]) for rows in (sample.rows, sample.others))
        behind = without_animal(shots[other], mask())
        assert np.array_equal(pictures[index], altered(ALTERED[index // 2], shots[row], mask(), behind))
