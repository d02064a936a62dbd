"""What a moved baseline says of its cells, and what it keeps of its rows."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from rows import metric
from sides import COMMIT, folder

from harness.compare.accept import accepted
from harness.compare.baseline import Baseline, write
from harness.errors import DataError, HarnessError
from harness.record import Metric
from harness.results import Results


def first(path: Path, *rights: int, exact: bool = True, **fields: Any) -> Baseline:
    """A baseline of so many right answers, written below ``path``."""
    kept, _ = accepted(path / "b.json", "b", [folder(path / "first", *rights, **fields)], "first", exact)
    assert kept is not None
    write(path / "b.json", kept)
    return kept


def moved(path: Path, *rights: int, **fields: Any) -> tuple[str, ...]:
    kept, told = accepted(path / "b.json", "b", [folder(path / "second", *rights, **fields)], "second", None)
    assert kept is not None
    return told


@pytest.mark.parametrize("exact", [True, False])
def test_numbers_of_views_are_kept_where_they_must_be_met_to_the_digit(tmp_path: Path, exact: bool) -> None:
    kept = first(tmp_path, 20, exact=exact, views={"leak=none": {"R-1": metric(0.5)}})
    assert ("leak=none: R-1" in kept.cells[0].runs[0].numbers) is exact


def test_an_exact_baseline_tells_a_move_of_one_query_and_a_learnt_one_does_not(tmp_path: Path) -> None:
    for exact in (True, False):
        (tmp_path / str(exact)).mkdir()
        first(tmp_path / str(exact), 20, exact=exact)
        told = moved(tmp_path / str(exact), 21)
        assert [line.split(":")[0] for line in told] == (["improved"] if exact else [])


def test_a_cell_that_is_gone_is_told_without_numbers(tmp_path: Path) -> None:
    kept = first(tmp_path, 20, 30)
    (line,) = moved(tmp_path, 20)
    assert line == f"missing: {kept.cells[1].title}: the candidate has no such cell"


def test_a_rate_of_nothing_is_told_without_numbers(tmp_path: Path) -> None:
    right = {"R-1": metric(0.5)}
    first(tmp_path, 20, metrics={**right, "AUROC": metric(0.5)})
    (line,) = moved(tmp_path, 20, metrics={**right, "AUROC": Metric(value=None, n=0)})
    assert line.startswith("regressed: ")
    assert line.endswith("; 1 numbers: AUROC 0.5 -> -")


def test_an_entry_bears_the_day(tmp_path: Path) -> None:
    days = [datetime.date.today()]
    kept = first(tmp_path, 20)
    days += [datetime.date.today()]
    assert datetime.date.fromisoformat(kept.accepted[0].date) in days


def test_rows_of_several_commits_are_refused_with_all_of_them_named(tmp_path: Path) -> None:
    other = "d" * 40
    folders = [folder(tmp_path / f"r{commit}", 20, git=commit) for commit in (other, COMMIT, "")]
    with pytest.raises(DataError, match=f"{COMMIT}, {other}, none;"):
        accepted(tmp_path / "b.json", "b", folders, "x", None)


def test_imported_rows_are_no_part_of_a_baseline_whatever_their_commit(tmp_path: Path) -> None:
    results = Results(folder(tmp_path / "r", 20))
    results.add([results.read()[0].model_copy(update={"cell": "theirs", "kind": "imported", "git": "elsewhere"})])
    kept, _ = accepted(tmp_path / "b.json", "b", [results.root], "x", None)
    assert kept is not None
    assert [cell.cell for cell in kept.cells] == ["cell 0"]


@pytest.mark.parametrize(
    ("reason", "fields"), [(" ", {}), ("x", {"git": "short"}), ("x", {"status": "failed", "reason": "NaN loss"})]
)
def test_every_refusal_says_what_to_do(tmp_path: Path, reason: str, fields: dict[str, str]) -> None:
    with pytest.raises(HarnessError) as caught:
        accepted(tmp_path / "b.json", "b", [folder(tmp_path / "r", 20, **fields)], reason, None)
    assert caught.value.problem
    assert caught.value.advice
