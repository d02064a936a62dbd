"""What is kept of a record, which cells share a training, and means over runs."""

from __future__ import annotations

import pytest
from rows import metric, record
from sides import cell, ranks

from harness.compare.runs import Cell, cells_of, repeated, run_of
from harness.compare.verdict import mean_number
from harness.record import Metric


def test_numbers_of_views_are_kept_unless_they_are_not_asked_for() -> None:
    row = record(
        metrics={"R-1": metric(0.5)}, views={"leak=none": {"R-1": Metric(value=0.25, n=8, low=0.125, high=0.75)}}
    )
    everything = {"R-1": (0.5, 40, 0.4, 0.6), "leak=none: R-1": (0.25, 8, 0.125, 0.75)}
    assert run_of(row).numbers == cells_of([row])[0].runs[0].numbers == everything
    for run in (run_of(row, False), cells_of([row], False)[0].runs[0]):
        assert run.numbers == {"R-1": (0.5, 40, 0.4, 0.6)}


@pytest.mark.parametrize(
    "change",
    [{"backbone": "other"}, {"loss": "none"}, {"seed": 1}, {"train": {"epochs": 3}}, {"protocol_hash": "b" * 64}],
)
def test_cells_of_another_training_are_told_apart(change: dict[str, object]) -> None:
    plain, same, other = cells_of([record("a"), record("b", matcher="none", fusion="none"), record("c", **change)])
    assert plain.trained == same.trained != other.trained


def test_a_title_names_what_a_cell_is_made_of() -> None:
    (made,) = cells_of([record(matcher="none", fusion="", openset="threshold", seed=3)])
    assert made.title == "resnet50 / arcface / threshold / seed 3"
    assert made.model_copy(update={"labels": {"backbone": "net"}}).title == "net / seed ?"


def test_what_computed_a_run_is_unknown_where_it_was_not_kept() -> None:
    numeric = cell("c", ranks(20), environment={"torch": "2.0", "python": "3.11"}).runs[0].numeric
    assert (numeric["torch"], numeric["cpu"]) == ("2.0", "unknown")
    assert "python" not in numeric


def test_runs_of_a_cell_are_those_of_the_folders_in_their_order() -> None:
    folders = [[cell(name, ranks(right + place)) for name in ("a", "b")] for place, right in enumerate((10, 20))]
    assert [(each.cell, [run.ranking for run in each.runs]) for each in repeated(folders)] == [
        (name, [f"digest of {ranks(right).tolist()}" for right in (10, 21)]) for name in ("a", "b")
    ]


def with_runs(*values: float | None) -> Cell:
    plain = cell("c", ranks(20))
    runs = [plain.runs[0].model_copy(update={"numbers": {"mAP": (value, 40, None, None)}}) for value in values]
    return plain.model_copy(update={"runs": (*runs,)})


def test_a_mean_is_over_all_runs_or_is_none() -> None:
    assert mean_number(with_runs(0.25, 0.75, 0.5), "mAP") == 0.5
    assert mean_number(with_runs(0.25, None), "mAP") is None
    assert mean_number(with_runs(0.25, 0.75), "R-1") is None
