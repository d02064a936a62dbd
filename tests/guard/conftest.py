"""A results folder that nothing is wrong with, and the same committed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from guarded import commit, git, put, row


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two rows that nothing is wrong with, and all that belongs to them."""
    root = tmp_path / "results"
    put(root, row("one", 1, 0, 2, 0), row("two", 1, 1, 0, 0, fusion="none", matcher="none"))
    (root / "README.md").write_text("About.")
    return root


@pytest.fixture
def committed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in a repository of its own, all of it committed."""
    for name in list(os.environ):
        if name.startswith("GIT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "somebody@example.org")
    git(folder.parent, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    return folder
