"""Baselines: written, read, moved for a reason, and never in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rows import metric, record
from sides import COMMIT, HASH, cell, folder, ranks

from harness.compare.accept import accepted
from harness.compare.baseline import Accepted, Baseline, path_of, read, tampered, write
from harness.compare.load import baseline_side, candidate_side
from harness.errors import DataError, HarnessError, StoreError
from harness.results import Results


def made(**fields: Any) -> Baseline:
    entry = Accepted(date="2026-01-02", git=COMMIT, reason="first")
    given = {"name": "b", "exact": True, "accepted": (entry,), "cells": (cell("c", ranks(20)),), **fields}
    return Baseline(**given)


def test_a_baseline_survives_the_way_through_its_file_a_line_a_cell(tmp_path: Path) -> None:
    kept = made(cells=(cell("c", ranks(20)), cell("d", ranks(3), ranks(4))))
    write(path_of(tmp_path, "b"), kept)
    assert read(path_of(tmp_path, "b")) == kept
    lines = path_of(tmp_path, "b").read_text().splitlines()
    assert [line.startswith('{"cell"') for line in lines].count(True) == 2
    assert lines[:2] == ['{"schema_number":1,"name":"b","exact":true,', '"accepted":[']
    assert '"status"' not in lines[-3], "what is as by default is not written"


def test_a_baseline_makes_its_folder(tmp_path: Path) -> None:
    write(path_of(tmp_path / "new" / "results", "b"), made())
    assert read(path_of(tmp_path / "new" / "results", "b")) == made()


def test_a_missing_baseline_names_those_there_are(tmp_path: Path) -> None:
    write(path_of(tmp_path, "other"), made())
    with pytest.raises(DataError, match="There are: other"):
        read(path_of(tmp_path, "b"))


@pytest.mark.parametrize(
    ("old", "new"), [('"exact":true', '"exact":maybe'), ('"name":"b",', ""), ('"cells"', '"cell"')]
)
def test_a_damaged_baseline_is_an_error_that_names_it(tmp_path: Path, old: str, new: str) -> None:
    path = path_of(tmp_path, "b")
    write(path, made())
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=r"b\.json: "):
        read(path)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"name":"b",', "", "name"),
        ('r":1', 'r":2', "schema_number"),
        ('r":1', 'r":0', "schema_number"),
        ('"cell":"c"', '"cell":1', "cells.0.cell"),
        ("{", "", "file"),
    ],
)
def test_the_field_that_is_damaged_is_named_and_what_to_do(tmp_path: Path, old: str, new: str, field: str) -> None:
    path = path_of(tmp_path, "b")
    write(path, made())
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(DataError, match=rf"b\.json: {field}: ") as caught:
        read(path)
    assert caught.value.advice


def test_a_baseline_that_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"cannot read {tmp_path}") as caught:
        read(tmp_path)
    assert caught.value.advice


def test_where_there_is_no_baseline_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There are: none"):
        read(path_of(tmp_path, "b"))
    write(path_of(tmp_path, "other"), made())
    write(path_of(tmp_path, "more"), made())
    with pytest.raises(DataError, match="There are: more, other"):
        read(path_of(tmp_path, "b"))


@pytest.mark.parametrize("name", ["", "../b", "a/b", ".b", "B"])
def test_a_name_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(HarnessError, match="no name of a baseline") as caught:
        path_of(tmp_path, name)
    assert caught.value.advice


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "baselines").write_text("a file")
    with pytest.raises(StoreError, match=f"results folder at {path_of(tmp_path, 'b')}.*") as caught:
        write(path_of(tmp_path, "b"), made())
    assert " --results" in caught.value.advice


class TestAccepting:
    def test_the_first_one_keeps_the_reason_and_the_commit(self, tmp_path: Path) -> None:
        kept, moved = accepted(tmp_path / "b.json", "b", [folder(tmp_path / "r", 20, 30)], " because ", True)
        assert kept is not None
        assert moved == ()
        assert [(entry.reason, entry.git) for entry in kept.accepted] == [("because", COMMIT)]
        assert [len(cell.runs) for cell in kept.cells] == [1, 1]

    def test_a_move_adds_its_reason_and_says_what_moved(self, tmp_path: Path) -> None:
        first, _ = accepted(tmp_path / "b.json", "b", [folder(tmp_path / "r", 20, 30)], "first", True)
        assert first is not None
        write(tmp_path / "b.json", first)
        kept, moved = accepted(tmp_path / "b.json", "b", [folder(tmp_path / "s", 20, 10, 5)], "second", None)
        assert kept is not None
        assert kept.exact
        assert [entry.reason for entry in kept.accepted] == ["first", "second"]
        assert kept.accepted[1].moved == moved
        assert [line.split(":")[0] for line in moved] == ["regressed", "new"]
        assert "R-1 75.0 -> 25.0" in moved[0]

    def test_equal_numbers_move_nothing(self, tmp_path: Path) -> None:
        first, _ = accepted(tmp_path / "b.json", "b", [folder(tmp_path / "r", 20)], "first", False)
        assert first is not None
        write(tmp_path / "b.json", first)
        assert accepted(tmp_path / "b.json", "b", [tmp_path / "r"], "again", None) == (None, ())

    def test_repeats_are_kept_as_runs(self, tmp_path: Path) -> None:
        folders = [folder(tmp_path / str(place), 20 + place) for place in range(3)]
        kept, _ = accepted(tmp_path / "b.json", "b", folders, "three", None)
        assert kept is not None
        assert not kept.exact
        assert [run.ranking for run in kept.cells[0].runs] == ["20", "21", "22"]

    def test_repeats_of_different_grids_are_refused(self, tmp_path: Path) -> None:
        folders = [folder(tmp_path / "a", 20, 30), folder(tmp_path / "b", 20)]
        with pytest.raises(DataError, match="is in 1 of 2 results folders") as caught:
            accepted(tmp_path / "b.json", "b", folders, "x", None)
        assert caught.value.advice

    @pytest.mark.parametrize("commit", [f"{COMMIT}+changes", "short"])
    def test_uncommitted_code_is_refused(self, tmp_path: Path, commit: str) -> None:
        with pytest.raises(DataError, match="Commit the change"):
            accepted(tmp_path / "b.json", "b", [folder(tmp_path / "r", 20, git=commit)], "x", None)

    def test_an_installed_harness_is_named_by_its_version(self, tmp_path: Path) -> None:
        kept, _ = accepted(tmp_path / "b.json", "b", [folder(tmp_path / "r", 20, git="")], "x", None)
        assert kept is not None
        assert kept.accepted[0].git.startswith("reid-harness ")

    def test_a_failed_cell_is_refused_and_a_skipped_one_left_out(self, tmp_path: Path) -> None:
        failed = folder(tmp_path / "r", 20, status="failed", reason="NaN loss")
        with pytest.raises(DataError, match="NaN loss"):
            accepted(tmp_path / "b.json", "b", [failed], "x", None)
        skipped = folder(tmp_path / "s", 20)
        Results(skipped).add([record("gone", status="skipped", reason="no weights", git=COMMIT)])
        kept, _ = accepted(tmp_path / "b.json", "b", [skipped], "x", None)
        assert kept is not None
        assert [cell.cell for cell in kept.cells] == ["cell 0"]

    def test_a_blank_reason_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(HarnessError, match="--reason is empty"):
            accepted(tmp_path / "b.json", "b", [folder(tmp_path / "r", 20)], "  ", None)


class TestTampering:
    def test_a_move_with_a_reason_passes(self) -> None:
        before = made()
        entry = Accepted(date="2026-01-03", git=COMMIT, reason="second")
        assert tampered(before, made(accepted=(*before.accepted, entry), cells=(cell("c", ranks(21)),))) == []
        assert tampered(None, before) == []
        assert tampered(before, before) == []

    def test_a_move_without_one_is_told(self) -> None:
        assert "without a reason" in tampered(made(), made(cells=(cell("c", ranks(21)),)))[0]
        assert "without a reason" in tampered(made(), made(exact=False))[0]

    def test_a_reason_that_changes_or_goes_is_told(self) -> None:
        other = (Accepted(date="2026-01-02", git=COMMIT, reason="another"),)
        assert "have changed or vanished" in tampered(made(), made(accepted=other))[0]

    def test_a_baseline_that_vanishes_is_told(self) -> None:
        assert "has vanished" in tampered(made(), None)[0]


def test_a_side_is_named_by_baseline_by_file_or_by_folder(tmp_path: Path) -> None:
    write(path_of(tmp_path, "b"), made())
    for named in ("b", str(path_of(tmp_path, "b"))):
        found, is_exact = baseline_side(named, tmp_path)
        assert (found.name, is_exact, len(found.cells)) == ("baseline b", True, 1)
    found, is_exact = baseline_side(str(folder(tmp_path / "r", 20)), tmp_path)
    assert (is_exact, list(found.asked)) == (False, [HASH])


def test_a_folder_without_records_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no records"):
        candidate_side([tmp_path])


def test_an_exact_baseline_that_becomes_a_learnt_one_has_not_moved(tmp_path: Path) -> None:
    made_of = folder(tmp_path / "r", 20, views={"leak=none": {"R-1": metric(0.5)}})
    first, _ = accepted(tmp_path / "b.json", "b", [made_of], "first", True)
    assert first is not None
    write(tmp_path / "b.json", first)
    second, moved = accepted(tmp_path / "b.json", "b", [made_of], "repeats will follow", False)
    assert second is not None
    assert (second.exact, moved) == (False, ())


def test_another_commit_of_the_same_numbers_moves_nothing(tmp_path: Path) -> None:
    first, _ = accepted(tmp_path / "b.json", "b", [folder(tmp_path / "r", 20)], "first", True)
    assert first is not None
    write(tmp_path / "b.json", first)
    again = folder(tmp_path / "s", 20, git="d" * 40)
    assert accepted(tmp_path / "b.json", "b", [again], "again", None) == (None, ())


def test_a_row_whose_numbers_are_not_those_of_its_outcomes_is_refused(tmp_path: Path) -> None:
    edited = folder(tmp_path / "r", 20, metrics={"R-1": metric(0.9)})
    with pytest.raises(DataError, match=r"records/.*:1: R-1"):
        accepted(tmp_path / "b.json", "b", [edited], "x", True)


def test_a_file_with_a_cell_twice_or_without_a_run_is_damaged(tmp_path: Path) -> None:
    one = cell("c", ranks(20))
    write(tmp_path / "twice.json", made(cells=(one, one)))
    with pytest.raises(DataError, match=r"twice\.json: .* stands there twice"):
        read(tmp_path / "twice.json")
    write(tmp_path / "none.json", made(cells=(one.model_copy(update={"runs": ()}),)))
    with pytest.raises(DataError, match=r"none\.json: cells\.0\.runs"):
        read(tmp_path / "none.json")
