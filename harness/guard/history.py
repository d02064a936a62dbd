"""The results folder as it was at a commit, read from git's objects without a checkout."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import DataError

READ = re.compile(r"records/[^/]+\.jsonl|queries/[^/]+\.csv|baselines/[^/]+\.json|reasons\.jsonl")
OUTER = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
"""What a git hook sets for its own repository; here the folder decides which repository is meant."""


def commit(root: Path, ref: str) -> str:
    """The commit that a ref means in the repository that the results folder lies in.

    Raises:
        DataError: no git, no repository, no such commit (or a shallow clone that lacks it).
    """
    inside = _git(root, "rev-parse", "--is-inside-work-tree")
    if inside.returncode or inside.stdout.strip() != b"true":
        problem = f"{root} lies in no git repository: {_said(inside)}"
        raise DataError(problem, "Run it in a clone, or leave --against out.")
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        shallow = _git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
        deepen = "This clone is shallow: git fetch --unshallow (in a workflow: fetch-depth: 0)."
        advice = "Name a branch, tag or commit, such as HEAD or origin/main (git fetch brings what is not here)."
        raise DataError(f"there is no commit {ref!r} in this repository", deepen if shallow else advice)
    return found.stdout.decode().strip()


@contextmanager
def snapshot(root: Path, sha: str) -> Iterator[Path]:
    """Records, queries, baselines and reasons of the results folder at a commit, as files in a temporary place.

    Raises:
        DataError: git cannot read them.
    """
    with tempfile.TemporaryDirectory(prefix="harness-guard-") as place:
        for name, blob in _listed(root, sha):
            path = Path(place, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(_read(root, "cat-file", "blob", blob))
        yield Path(place)


def _listed(root: Path, sha: str) -> Iterator[tuple[str, str]]:
    """(name below the folder, blob) of the files that the guard reads."""
    for entry in _read(root, "ls-tree", "-r", "-z", sha).decode("utf-8", "surrogateescape").split("\0"):
        about, _, name = entry.partition("\t")
        if READ.fullmatch(name) and about.startswith("100"):
            yield name, about.split()[2]


def _read(root: Path, *words: str) -> bytes:
    done = _git(root, *words)
    if done.returncode:
        raise DataError(f"git cannot read {' '.join(words)}: {_said(done)}", "Fetch the commit whole (git fetch).")
    return done.stdout


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in OUTER}
    command = ["git", "-C", str(root), *words]
    try:
        return subprocess.run(command, capture_output=True, env={**environment, "LC_ALL": "C"}, check=False)  # noqa: S603
    except FileNotFoundError:
        raise DataError("git is not installed", "Install it, or leave --against out.") from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The first line of what git complained of."""
    return (done.stderr.decode(errors="replace").strip() or "no work tree").splitlines()[0]
