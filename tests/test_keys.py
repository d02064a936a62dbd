"""What a cascade changes in the keys of a cell, and what it leaves alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from little import fullest, little

from harness.cell import Cell
from harness.keys import PARTS, Keys
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
