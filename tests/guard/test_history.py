"""Which commits the guard can read, and what it says of those that it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from guarded import STUDY, broken, commit, edit, git, moved, put, row

from harness import guard
from harness.errors import DataError


def test_a_row_that_this_code_can_no_longer_read_is_named_at_its_commit(committed: Path) -> None:
    path = committed / STUDY
    text = path.read_text()
    path.write_text(f"{text}no json\n")
    commit(committed)
    path.write_text(text)
    assert broken(committed, "HEAD") == [("record", f"{STUDY}:3 at HEAD")]


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
    with pytest.raises(DataError, match="lies in no git repository: fatal: not a git repository"):
        guard.check(folder, "HEAD", 20)


def test_without_git_the_error_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="git is not installed"):
        guard.check(folder, "HEAD", 20)
