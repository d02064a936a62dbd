"""Sides from results folders: which rows, which numbers, which queries."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from rows import metric
from sides import HASH, folder

from harness.compare.load import candidate_side, commits
from harness.errors import DataError
from harness.results import Results


def test_views_are_kept_unless_they_are_not_asked_for(tmp_path: Path) -> None:
    root = folder(tmp_path / "r", 20, views={"leak=none": {"R-1": metric(0.5)}})
    names = [list(candidate_side([root], *views).cells[0].runs[0].numbers) for views in ((), (True,), (False,))]
    assert names == [["R-1", "leak=none: R-1"]] * 2 + [["R-1"]]


def test_queries_that_one_folder_kept_serve_all_its_repeats(tmp_path: Path) -> None:
    folders = [folder(tmp_path / name, 20, seconds={"embed": place}) for place, name in enumerate(("a", "b"))]
    shutil.rmtree(folders[1] / "queries")
    side = candidate_side(folders)
    assert list(side.asked) == [HASH]
    assert side.name == f"{folders[0]}, {folders[1]}"
    assert [len(cell.runs) for cell in side.cells] == [2]


def test_imported_rows_are_left_out(tmp_path: Path) -> None:
    results = Results(folder(tmp_path, 20))
    theirs = results.read()[0].model_copy(update={"cell": "theirs", "kind": "imported", "git": "elsewhere"})
    results.add([theirs])
    assert [cell.cell for cell in candidate_side([tmp_path]).cells] == ["cell 0"]
    assert commits([tmp_path]) == {"c" * 40}


def test_a_folder_of_imported_rows_alone_is_named(tmp_path: Path) -> None:
    folder(tmp_path, 20, kind="imported")
    with pytest.raises(DataError, match=str(tmp_path)) as caught:
        candidate_side([tmp_path])
    assert caught.value.advice


def test_a_copy_of_a_run_is_no_repeat(tmp_path: Path) -> None:
    folders = [folder(tmp_path / name, 20) for name in ("a", "b")]
    for named in (folders, [folders[0], folders[0]]):
        with pytest.raises(DataError, match="hold one and the same run"):
            candidate_side(named)


def test_a_damaged_row_is_named_with_its_folder(tmp_path: Path) -> None:
    path = next((folder(tmp_path / "a", 20) / "records").glob("*.jsonl"))
    path.write_text("{}\n")
    with pytest.raises(DataError) as caught:
        candidate_side([tmp_path / "a"])
    assert caught.value.problem.startswith(f"{path}:1: ")


def test_a_row_that_stands_twice_is_told(tmp_path: Path) -> None:
    path = next((folder(tmp_path / "a", 20) / "records").glob("*.jsonl"))
    path.write_text(path.read_text() * 2)
    with pytest.raises(DataError, match="stands there twice"):
        candidate_side([tmp_path / "a"])
