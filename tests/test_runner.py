"""What becomes of a cell: scored, failed with its reason, or impossible on the data; a store that is full stops all."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import BACKBONE, HERD

from harness import grid as grids
from harness import runner
from harness.data import load
from harness.errors import CellFailed, StoreError
from harness.pipeline import Pipeline
from harness.progress import Quiet
from harness.protocol import Data
from harness.record import RunRecord
from harness.registry import Registry
from harness.store import Store

PROTOCOL = {
    "dataset": HERD,
    "ks": [1, 5],
    "shortlist": 5,
    "validation_images": 0.25,
    "validation_individuals": 0.25,
}
Run = Callable[..., list[RunRecord]]


@pytest.fixture
def run(drawn: Path, tmp_path: Path) -> Run:
    """Run cells in this process; ``change`` alters the data, ``broken`` is raised by every cell."""

    def ran(
        *cells: dict[str, Any],
        change: Callable[[Data], Data] = lambda data: data,
        broken: BaseException | None = None,
        debug: bool = False,
    ) -> list[RunRecord]:
        raw = {"protocol": PROTOCOL, "train": {"epochs": 1, "embedding": 16}, "axes": list(cells)}
        chosen = grids.expand(raw, Registry.load())
        store = Store(Path(shutil.copytree(drawn, tmp_path / "store", dirs_exist_ok=True)))
        data = change(load(chosen.dataset, chosen.protocol, store, Quiet()))
        pipeline = Pipeline(store, data, "cpu", Quiet(), lambda **facts: None)
        if broken:
            pipeline.run = _raise(broken)  # type: ignore[method-assign]
        return [cell.record for cell in runner.run(chosen, data, pipeline, debug=debug)]

    return ran


def _raise(error: BaseException) -> Any:
    def fail(*_: object) -> None:
        raise error

    return fail


def cell(**axes: str) -> dict[str, Any]:
    return {"backbone": BACKBONE, "openset": "none", "fusion": "none", **axes}


def column(name: str, value: str) -> Callable[[Data], Data]:
    """Data with one text in a whole column."""

    def change(data: Data) -> Data:
        return replace(data, table=data.table.with_columns(**{name: [value] * len(data.table)}))

    return change


def test_a_classifier_of_individuals_or_species_is_scored_as_one(run: Run) -> None:
    individuals, species = run(cell(loss="softmax"), cell(loss="softmax-species"))
    assert individuals.metrics["identity accuracy"].n == individuals.counts["n_known"]
    assert species.metrics["species accuracy"].n == species.counts["n_query"]
    assert "species accuracy" not in individuals.metrics


@pytest.mark.parametrize(
    ("axes", "change", "told"),
    [
        ({"loss": "softmax-species"}, column("species", "cat"), "at least two species"),
        (
            {"matcher": "mutual-nn[features=sift[mask=keypoints]]", "fusion": "replace"},
            column("mask", ""),
            "has no masks",
        ),
        (
            {"openset": "threshold[score=cosine]"},
            lambda data: replace(data, table=data.table.with_columns(known=[True] * len(data.table))),
            "has no new individuals",
        ),
    ],
)
def test_a_cell_that_makes_no_sense_on_the_data_is_skipped_with_the_reason(
    run: Run, axes: dict[str, str], change: Callable[[Data], Data], told: str
) -> None:
    (record,) = run(cell(**axes), change=change)
    assert record.status == "skipped"
    assert told in record.reason


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CellFailed("the loss is NaN", "Lower lr."), "the loss is NaN"),
        (ValueError("boo at /home/me/x.jpg"), "ValueError: boo at x.jpg (see where with harness run --debug)"),
    ],
)
def test_a_cell_that_fails_says_why_and_the_next_one_runs(run: Run, error: Exception, told: str) -> None:
    records = run(cell(), cell(loss="softmax"), broken=error)
    assert [record.status for record in records] == ["failed", "failed"]
    assert all(told in record.reason for record in records)


@pytest.mark.parametrize(("error", "debug"), [(StoreError("disk full"), False), (ValueError("boo"), True)])
def test_a_store_that_cannot_be_used_or_debugging_ends_the_run(run: Run, error: Exception, debug: bool) -> None:
    def both() -> Sequence[RunRecord]:
        return run(cell(), cell(loss="softmax"), broken=error, debug=debug)

    with pytest.raises(type(error), match=str(error)):
        both()
