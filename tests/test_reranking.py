"""Re-ranking with a cascade: fewer pairs, the same candidates, the same store."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from little import little
from test_keys import with_cascade

from harness.cell import Cell
from harness.pipeline import Pipeline
from harness.progress import Quiet
from harness.store import Store, Value

pytestmark = pytest.mark.slow


@pytest.fixture
def made(tmp_path: Path, drawn: Path) -> tuple[Cell, Pipeline]:
    store = Store(Path(shutil.copytree(drawn, tmp_path / "store")))
    grid, keys = little(store)
    cell = next(cell for cell in grid.cells if cell.matcher and not cell.loss)
    return cell, Pipeline(store, keys.data, "cpu", Quiet(), lambda **_: None)


def in_top(value: Value) -> list[bool]:
    """Whether the right animal is among the candidates of each query."""
    return (value.arrays["first_hit"] > 0).tolist()


def test_a_cascade_matches_fewer_pairs_and_keeps_the_candidates(made: tuple[Cell, Pipeline]) -> None:
    cell, pipeline = made
    bold, careful = with_cascade(cell, 0.99), with_cascade(cell, 0.001)
    first, tally = pipeline.run(bold)
    counts = first.info["counts"]
    assert 0 < counts["pairs"] < counts["pairs_full"]
    assert counts["n_cascade_losses_allowed"] >= 0
    assert not tally.cached["match"]

    full, tally = pipeline.run(cell)
    assert not tally.cached["match"], "what the cascade had left out"
    assert full.info["counts"]["pairs"] == full.info["counts"]["pairs_full"] == counts["pairs_full"]
    assert "n_cascade_calibration" not in full.info["counts"]
    assert in_top(first) == in_top(full)

    untouched, tally = pipeline.run(careful)
    assert tally.cached["match"]
    assert untouched.info["counts"]["n_cascade_losses_allowed"] == -1, "too little validation"
    assert untouched.info["counts"]["pairs"] == counts["pairs_full"]
    assert untouched.info["metrics"] == full.info["metrics"]
    assert all(np.array_equal(untouched.arrays[name], full.arrays[name]) for name in full.arrays)


def test_another_open_set_rule_finds_everything_in_the_store(made: tuple[Cell, Pipeline]) -> None:
    cell, pipeline = made
    bold = with_cascade(cell, 0.99)
    pipeline.run(bold)
    _, tally = pipeline.run(replace(bold, openset=None))
    assert {stage for stage, cached in tally.cached.items() if not cached} == {"score"}
    _, tally = pipeline.run(bold)
    assert all(tally.cached.values())


def test_a_cell_without_a_matcher_counts_no_pairs(made: tuple[Cell, Pipeline]) -> None:
    cell, pipeline = made
    value, _ = pipeline.run(replace(cell, matcher=None, features=None, fusion=None))
    assert "pairs" not in value.info["counts"]


def test_a_cascade_that_stops_nothing_costs_what_full_matching_costs(made: tuple[Cell, Pipeline]) -> None:
    cell, pipeline = made
    full, _ = pipeline.run(cell)
    with pytest.warns(UserWarning, match="cascade=0.001 matches every candidate: validation has .* 2995 would"):
        careful, _ = pipeline.run(with_cascade(cell, 0.001))
    assert careful.info["seconds"]["match"] == pytest.approx(full.info["seconds"]["match"], abs=2e-3)


def test_no_images_have_no_embeddings(made: tuple[Cell, Pipeline]) -> None:
    cell, pipeline = made
    table = pipeline.data.table
    assert len(pipeline.coarse.embeddings(cell, table.select(np.zeros(len(table), bool))).ids) == 0
