"""What a cascade and a mask change in the keys of a cell, and what they leave alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from little import fullest, little

from harness import DataError
from harness.cell import Cell
from harness.keys import PARTS, Keys
from harness.registry import Registry
from harness.store import Store


@pytest.fixture
def made(tmp_path: Path, drawn: Path) -> tuple[Cell, Keys]:
    grid, keys = little(Store(Path(shutil.copytree(drawn, tmp_path / "store"))))
    return fullest(grid), keys


def with_cascade(cell: Cell, risk: float) -> Cell:
    assert cell.matcher is not None
    config = cell.matcher.config.model_copy(update={"cascade": risk})
    return replace(cell, matcher=replace(cell.matcher, config=config))


def test_pairs_are_shared_and_what_follows_from_them_is_not(made: tuple[Cell, Keys]) -> None:
    (cell, keys), risks = made, (0.0, 0.02, 0.05)
    cells = [with_cascade(cell, risk) for risk in risks]
    assert len({keys.match(one).digest for one in cells}) == 1  # type: ignore[union-attr]
    assert len({keys.match(one).kind for one in cells}) == 1  # type: ignore[union-attr]
    for key in (keys.decide, keys.score):
        assert len({key(one).digest for one in cells}) == 3  # type: ignore[union-attr]
    for part in PARTS:
        assert len({keys.fuse(one, part).digest for one in cells}) == 3  # type: ignore[union-attr]
    assert len({one.id for one in cells}) == len({one.label("matcher") for one in cells}) == 3


def test_a_cell_without_a_cascade_has_no_key_for_it(made: tuple[Cell, Keys]) -> None:
    cell, keys = made
    assert cell.cascade == replace(cell, matcher=None).cascade == 0
    assert keys.cascade(cell) is None
    fuse, match = keys.fuse(cell, "query"), keys.match(cell)
    assert fuse is not None
    assert match is not None
    assert "cascade" not in fuse.parts
    assert "cascade" not in match.parts["matcher"]["settings"]


def test_a_cells_place_goes_by_what_was_chosen_and_not_by_defaults_or_speed(made: tuple[Cell, Keys]) -> None:
    cell, _ = made
    assert cell.matcher is not None
    assert cell.loss is not None

    def changed(**settings: object) -> str:
        return replace(cell, matcher=replace(cell.matcher, config=cell.matcher.config.model_copy(update=settings))).id  # type: ignore[union-attr, type-var]

    assert changed() == cell.id
    assert changed(batch=7) == cell.id
    assert changed(ratio=0.7) != cell.id
    assert replace(cell, seed=5).id != cell.id
    assert replace(cell, train=cell.train.model_copy(update={"workers": 3})).id == cell.id
    assert replace(cell, train=cell.train.model_copy(update={"lr": 0.5})).id != cell.id
    assert replace(cell, loss=None).id == replace(cell, loss=None, train=cell.train.model_copy(update={"lr": 0.5})).id


def described(keys: Keys, settings: str) -> str:
    return keys.describe(Registry.load().resolve("features", f"sift[{settings}]")).digest


def test_a_segmenter_matters_where_something_is_masked_alone(made: tuple[Cell, Keys]) -> None:
    _, keys = made
    plain = described(keys, "mask=none")
    assert described(keys, "segmenter=grabcut") == described(keys, "segmenter=grabcut[iterations=9]") == plain
    guessed = [described(keys, f"mask=keypoints,segmenter={name}") for name in ("grabcut", "grabcut[iterations=9]")]
    column = [described(keys, f"mask={mask}") for mask in ("keypoints", "pixels")]
    assert len({plain, *guessed, *column}) == 5
    assert described(keys, "mask=keypoints,segmenter=grabcut[iterations=3]") == guessed[0]  # the default


def test_masks_of_the_column_enter_by_their_contents_where_they_are_used(made: tuple[Cell, Keys]) -> None:
    _, keys = made
    settings = ("mask=none", "mask=keypoints", "mask=keypoints,segmenter=grabcut")
    before = [described(keys, text) for text in settings]
    table = keys.data.table
    (table.root / str(table.mask[0])).write_bytes((table.root / str(table.mask[1])).read_bytes())
    after = [described(Keys(keys.data, "cpu"), text) for text in settings]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_masks_are_read_for_no_other_features(made: tuple[Cell, Keys]) -> None:
    _, keys = made
    gone = replace(keys.data, table=keys.data.table.with_columns(mask=np.full(len(keys.data.table), "gone.png")))
    assert described(Keys(gone, "cpu"), "mask=none") == described(keys, "mask=none")
    with pytest.raises(DataError, match=r"gone\.png"):
        described(Keys(gone, "cpu"), "mask=keypoints")


def test_weights_of_a_segmenter_enter_by_their_contents(made: tuple[Cell, Keys], tmp_path: Path) -> None:
    _, keys = made
    found = []
    for name, content in (("a.pth", b"1"), ("b.pth", b"1"), ("a.pth", b"22")):
        (tmp_path / name).write_bytes(content)
        found.append(described(keys, f"mask=pixels,segmenter=hub[weights={tmp_path / name}]"))
    assert found[0] == found[1] != found[2]
