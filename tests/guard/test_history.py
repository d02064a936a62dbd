"""Which commits the guard can read, and what it says of those that it cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from guarded import STUDY, broken, commit, edit, git, moved, put, row

from harness import guard
from harness.errors import DataError
from harness.guard.history import snapshot


def test_a_row_that_this_code_can_no_longer_read_is_named_at_its_commit(committed: Path) -> None:
    path = committed / STUDY
    text = path.read_text()
    path.write_text(f"{text}no json\n")
    commit(committed)
    path.write_text(text)
    (found,) = guard.check(committed, "HEAD", 20).findings
    assert (found.rule, found.where) == ("record", f"{STUDY}:3 at HEAD")
    assert "must stay readable" in found.advice


def test_the_folder_may_lie_anywhere_in_the_repository_and_be_new_in_it(committed: Path) -> None:
    inner = committed.parent / "more" / "deep"
    put(inner, row("one", 1, 0, 2, 0))
    assert guard.check(inner, "HEAD", 20).before == 0
    commit(committed.parent)
    edit(inner, moved)
    assert broken(inner, "HEAD") == [("moved", f"{STUDY}:1")]
    assert broken(committed, "HEAD") == []


def test_a_hook_s_own_repository_does_not_mislead(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "elsewhere")
    assert broken(committed, "HEAD") == []


@pytest.mark.parametrize("ref", ["nowhere", "", "--all", "HEAD:results"])
def test_an_unknown_ref_is_an_error(committed: Path, ref: str) -> None:
    with pytest.raises(DataError, match="there is no commit") as caught:
        guard.check(committed, ref, 20)
    assert "git fetch" in caught.value.advice
    assert "--unshallow" not in caught.value.advice


def test_a_shallow_clone_is_told_how_to_deepen(committed: Path, tmp_path: Path) -> None:
    git(committed, "tag", "start")
    edit(committed, moved)
    commit(committed)
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{committed.parent}", str(tmp_path / "clone"))
    with pytest.raises(DataError) as caught:
        guard.check(tmp_path / "clone" / "results", "HEAD~1", 20)
    assert "--unshallow" in caught.value.advice
    assert broken(tmp_path / "clone" / "results", "HEAD") == []


def test_outside_a_repository_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent.parent))
    with pytest.raises(DataError, match="lies in no git repository: fatal: not a git repository") as caught:
        guard.check(folder, "HEAD", 20)
    assert caught.value.advice


def test_without_git_the_error_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="git is not installed") as caught:
        guard.check(folder, "HEAD", 20)
    assert caught.value.advice


def test_a_folder_of_git_s_own_is_no_work_tree(committed: Path) -> None:
    with pytest.raises(DataError, match=r"\.git lies in no git repository: no work tree"):
        guard.check(committed.parent / ".git", "HEAD", 20)


def test_what_git_says_is_told_in_english_whatever_its_encoding(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "bin").mkdir()
    (folder.parent / "bin" / "git").write_text('#!/bin/sh\nprintf "caf\\351 $LC_ALL\\nmore" >&2\nexit 1\n')
    (folder.parent / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder.parent / 'bin'}")
    with pytest.raises(DataError, match=r"repository: caf\ufffd C\n") as caught:
        guard.check(folder, "HEAD", 20)
    assert caught.value.advice


def test_names_in_any_encoding_are_read_past(committed: Path) -> None:
    odd = committed / os.fsdecode(b"caf\xe9.txt")
    odd.write_text("")
    commit(committed)
    odd.unlink()
    assert broken(committed, "HEAD") == []


def test_a_row_is_missed_whatever_the_name_of_its_file(committed: Path) -> None:
    odd = committed / "records" / "a\tb.jsonl"
    odd.write_text(row("three", 1, 0, 2, 0).model_dump_json())
    commit(committed)
    odd.unlink()
    assert broken(committed, "HEAD") == [("vanished", "records/a\tb.jsonl")]


def test_a_commit_that_git_cannot_read_is_named(committed: Path) -> None:
    with pytest.raises(DataError, match=f"ls-tree -r -z {'0' * 40}: fatal: ") as caught, snapshot(committed, "0" * 40):
        pass
    assert caught.value.advice


def test_links_are_no_rows_and_files_that_nobody_reads_are_left_where_they_are(committed: Path) -> None:
    link = committed / "records" / "link.jsonl"
    link.symlink_to("nowhere")
    (committed / "notes").mkdir()
    (committed / "notes" / "a.jsonl").write_text("no json")
    commit(committed)
    with snapshot(committed, git(committed, "rev-parse", "HEAD")) as place:
        names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
        (asked,) = (committed / "queries").glob("*.csv")
        assert names == [f"queries/{asked.name}", STUDY]
        assert (place / STUDY).read_bytes() == (committed / STUDY).read_bytes()
    assert not place.exists()
