"""Leaderboards, queries, baselines, sizes, and files that nobody reads."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from guarded import STUDY, broken, commit, edit_line
from sides import cell, ranks

from harness import guard, leaderboard
from harness.compare import baseline
from harness.compare.baseline import Accepted, Baseline
from harness.results import Results


@pytest.mark.parametrize("name", ["leaderboard.md", "leaderboard.csv"])
def test_leaderboards_are_what_the_records_give(folder: Path, name: str) -> None:
    text = (folder / name).read_text()
    (folder / name).write_text(text.replace("resnet50", "resnet51", 1))
    (found,) = guard.check(folder, None, 20).findings
    assert (found.rule, found.where) == ("leaderboard", name)
    number = 1 + text[: text.index("resnet50")].count("\n")
    assert found.problem.endswith(f"first in line {number}")
    assert "harness leaderboard" in found.advice
    (folder / name).unlink()
    assert broken(folder) == [("leaderboard", name)]
    leaderboard.save(Results(folder))
    (folder / name).write_text(f"{text}\n")
    assert "in its length" in guard.check(folder, None, 20).findings[0].problem
    (folder / name).write_text("\n".join(text.split("\n")[:-1]))
    assert "in its length" in guard.check(folder, None, 20).findings[0].problem


def test_a_leaderboard_of_no_records_is_named(folder: Path) -> None:
    (folder / STUDY).unlink()
    found = [f for f in guard.check(folder, None, 20).findings if f.rule == "leaderboard"]
    assert [f.where for f in found] == ["leaderboard.md", "leaderboard.csv"]
    assert all("there are no records" in f.advice for f in found)


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "records/a.txt", "records/more/a.jsonl", "queries/a.json", "queries/other-1-2.csv", "x/README.md"],
)
def test_a_file_that_nobody_reads_is_named(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("")
    (found,) = guard.check(folder, None, 20).findings
    assert (found.rule, found.where) == ("unknown file", name)
    assert found.problem
    assert ("queries/*.csv, grids/*.toml, " in found.advice) is not name.startswith("queries/other"), "what may be"
    assert found.advice


@pytest.mark.parametrize(
    "name", ["grids/mine.toml", "records/.lock", "records/.study.jsonl.1a2b3c4d.tmp", "reasons.jsonl"]
)
def test_files_that_belong_there_and_what_a_killed_process_leaves_pass(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("")
    assert broken(folder) == []


def test_leaderboards_that_cannot_be_made_are_named(folder: Path) -> None:
    edit_line(folder / STUDY, 1, lambda fields: fields.update(first_hits="damaged"))
    (found,) = [found for found in guard.check(folder, None, 20).findings if found.rule == "leaderboard"]
    assert found.where == "leaderboard.md"
    assert "first_hits cannot be read" in found.problem
    assert found.advice


def test_a_baseline_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "baselines").mkdir()
    (folder / "baselines" / "demo.json").write_text("{}")
    (found,) = guard.check(folder, None, 20).findings
    assert (found.rule, found.where) == ("baseline", "baselines/demo.json")
    assert "Field required" in found.problem
    assert found.advice


def test_the_size_of_the_folder_and_of_each_file_is_bounded(folder: Path) -> None:
    (folder / "grids").mkdir()
    (folder / "grids" / "a.toml").write_bytes(b" " * 600_000)
    assert broken(folder, megabytes=2) == []
    assert broken(folder, megabytes=1) == [("size", "grids/a.toml")]
    assert "the bound of one file is 0.5 MB" in guard.check(folder, None, 1).findings[0].problem
    assert broken(folder, megabytes=0.5) == [("size", "."), ("size", "grids/a.toml")]


@pytest.mark.parametrize(
    ("size", "megabytes", "where"),
    [
        (500_000, 1, []),
        (500_001, 1, ["grids/a.toml"]),
        (500_000, 0.5, ["grids/a.toml"]),
        (1_000_000, 1, ["grids/a.toml"]),
        (1_000_001, 1, [".", "grids/a.toml"]),
    ],
)
def test_a_size_of_just_the_bound_passes(tmp_path: Path, size: int, megabytes: float, where: list[str]) -> None:
    (tmp_path / "grids").mkdir()
    (tmp_path / "grids" / "a.toml").write_bytes(b" " * size)
    found = guard.check(tmp_path, None, megabytes).findings
    assert [(each.rule, each.where) for each in found] == [("size", place) for place in where]
    assert all(f"the bound is {megabytes:g} MB" in each.problem for each in found if each.where == ".")
    assert all(each.problem and each.advice for each in found)


def test_changed_queries_are_named_and_nothing_is_said_of_what_follows_from_them(folder: Path) -> None:
    (path,) = (folder / "queries").glob("*.csv")
    path.write_text(path.read_text().replace("bob", "eve"))
    (found, *more) = guard.check(folder, None, 20).findings
    assert found.rule == "queries"
    assert path.name in found.problem
    assert {f.rule for f in more} == {"outcomes"}


def test_queries_of_another_content_are_named_although_their_digest_fits(folder: Path) -> None:
    next((folder / "queries").glob("*.csv")).unlink()
    content = b"image_id,identity\nq0,ann\n"
    name = f"study-{'a' * 12}-{hashlib.sha256(content).hexdigest()[:12]}.csv"
    (folder / "queries" / name).write_bytes(content)
    found = guard.check(folder, None, 20).findings[0]
    assert (found.rule, found.where) == ("queries", f"queries/study-{'a' * 12}-*.csv")
    assert f"protocol {'a' * 12} are" in found.problem
    assert found.advice


def test_queries_that_are_gone_are_missed_by_every_row(folder: Path) -> None:
    next((folder / "queries").glob("*.csv")).unlink()
    found = guard.check(folder, None, 20).findings
    assert [f.where for f in found if f.rule == "outcomes"] == [f"{STUDY}:1", f"{STUDY}:2"]
    assert f"queries/*-{'a' * 12}-*.csv" in found[0].problem


class TestBaselinesAgainstACommit:
    """The folder holds an accepted baseline, and is committed."""

    @pytest.fixture
    def accepted(self, committed: Path) -> Baseline:
        entry = Accepted(date="2026-01-02", git="c" * 40, reason="first")
        kept = Baseline(name="herd", exact=True, accepted=(entry,), cells=(cell("c", ranks(20)),))
        baseline.write(baseline.path_of(committed, "herd"), kept)
        commit(committed)
        return kept

    def test_an_untouched_one_passes(self, folder: Path, accepted: Baseline) -> None:
        assert broken(folder, "HEAD") == []

    def test_one_that_moves_with_a_reason_passes(self, folder: Path, accepted: Baseline) -> None:
        entry = Accepted(date="2026-01-03", git="d" * 40, reason="second")
        moved = {"accepted": (*accepted.accepted, entry), "cells": (cell("c", ranks(21)),)}
        baseline.write(baseline.path_of(folder, "herd"), accepted.model_copy(update=moved))
        assert broken(folder, "HEAD") == []

    def test_one_that_moves_without_one_is_named(self, folder: Path, accepted: Baseline) -> None:
        moved = accepted.model_copy(update={"cells": (cell("c", ranks(21)),)})
        baseline.write(baseline.path_of(folder, "herd"), moved)
        (found,) = guard.check(folder, "HEAD", 20).findings
        assert (found.rule, found.where) == ("baseline", "baselines/herd.json")
        assert "moved without a reason" in found.problem
        assert found.advice

    def test_one_that_cannot_be_read_hides_no_other(self, folder: Path, accepted: Baseline) -> None:
        for name in ("aged", "herd"):
            baseline.write(baseline.path_of(folder, name), accepted.model_copy(update={"name": name}))
        commit(folder)
        baseline.path_of(folder, "aged").write_text("{}")
        baseline.path_of(folder, "herd").unlink()
        assert broken(folder, "HEAD") == [("baseline", "baselines/aged.json"), ("baseline", "baselines/herd.json")]

    def test_one_that_vanishes_is_named(self, folder: Path, accepted: Baseline) -> None:
        baseline.path_of(folder, "herd").unlink()
        assert broken(folder, "HEAD") == [("baseline", "baselines/herd.json")]
