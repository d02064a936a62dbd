"""Rules of the files of a results folder: names, sizes, leaderboards, baselines."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from harness import leaderboard
from harness.compare import baseline
from harness.errors import HarnessError
from harness.guard.found import Finding, Folder
from harness.guard.reasons import FILE as REASONS

KNOWN = (
    *("README.md", "leaderboard.md", "leaderboard.csv", REASONS),
    *("records/*.jsonl", "queries/*.csv", "grids/*.toml", "baselines/*.json", "audits/background-*.json"),
)
PASSING = (".lock", ".*.tmp")
"""Names of locks, and of what a killed process leaves of a file that it was writing; git ignores both."""
FILE_SHARE = 0.5
"""The most that one file may take of the bound on the whole folder."""


def unknown_files(folder: Folder) -> Iterator[Finding]:
    """Files that nobody reads: each is named."""
    for path in files(folder.root):
        name = path.relative_to(folder.root).as_posix()
        if not any(fnmatchcase(name, known) and name.count("/") == known.count("/") for known in KNOWN):
            yield Finding("unknown file", name, "no file of a results folder", f"Remove it; there may be: {_listed()}.")
        elif name.startswith("queries/") and not folder.findings and not _of_a_protocol(path.name, folder):
            advice = "Remove it, or bring the records of its protocol back."
            yield Finding("unknown file", name, "queries of a protocol that no record is of", advice)


def sizes(folder: Folder, megabytes: float) -> Iterator[Finding]:
    """The folder and each file within their bounds."""
    size = {path.relative_to(folder.root).as_posix(): path.lstat().st_size / 1e6 for path in files(folder.root)}
    advice = "Keep what is large elsewhere and name it in README.md, or raise the bound (--max-mb)."
    if sum(size.values()) > megabytes:
        problem = f"{sum(size.values()):.3g} MB in all, and the bound is {megabytes:g} MB"
        yield Finding("size", ".", problem, advice)
    for name, found in size.items():
        if found > megabytes * FILE_SHARE:
            problem = f"{found:.3g} MB, and the bound of one file is {megabytes * FILE_SHARE:g} MB"
            yield Finding("size", name, problem, advice)


def leaderboards(folder: Folder) -> Iterator[Finding]:
    """The tables are what records and queries give. Nothing is said where these cannot be read."""
    if folder.findings:
        return
    try:
        made = _made(folder)
    except HarnessError as error:  # a row whose outcomes are damaged
        yield Finding("leaderboard", "leaderboard.md", f"cannot be made: {error.problem}", error.advice)
        return
    for name, text in made.items():
        path = folder.root / name
        there = path.read_bytes() if path.is_file() else None
        if there != (text.encode() if folder.rows else None):
            problem = "is missing" if there is None else f"differs from what the records give{_at(there, text)}"
            advice = "Make it anew: harness leaderboard (with the same --results)."
            yield Finding("leaderboard", name, problem, advice if folder.rows else "Remove it: there are no records.")


def baselines(folder: Folder) -> Iterator[Finding]:
    """Baselines that the comparison cannot read."""
    for path in sorted((folder.root / baseline.FOLDER).glob("*.json")):
        try:
            baseline.read(path)
        except HarnessError as error:
            yield Finding("baseline", f"baselines/{path.name}", error.problem, error.advice)


def moved_baselines(before: Path, now: Path) -> Iterator[Finding]:
    """Baselines that moved without a reason, or whose reasons changed, since the folder ``before``."""
    for path in sorted((before / baseline.FOLDER).glob("*.json")):
        name = f"{baseline.FOLDER}/{path.name}"
        try:
            new = baseline.read(now / name) if (now / name).is_file() else None
            told = baseline.tampered(baseline.read(path), new)
        except HarnessError:
            continue  # one that cannot be read now is a finding already
        advice = "Bring the old file back, and move it with harness baseline accept."
        yield from (Finding("baseline", name, problem, advice) for problem in told)


def files(root: Path) -> list[Path]:
    """All files of the folder but those in passing, in order."""
    paths = (path for path in sorted(root.rglob("*")) if path.is_symlink() or not path.is_dir())
    return [path for path in paths if not any(fnmatchcase(path.name, name) for name in PASSING)]


def _made(folder: Folder) -> dict[str, str]:
    records = [row.record for row in folder.rows]
    tables = leaderboard.markdown(records, folder.queries)
    return {"leaderboard.md": tables, "leaderboard.csv": leaderboard.comma_separated(records)}


def _of_a_protocol(name: str, folder: Folder) -> bool:
    return any(name.startswith(f"{row.stem}-") for row in folder.firsts.values())


def _at(there: bytes, text: str) -> str:
    """In which line two texts part."""
    pairs = zip(there.split(b"\n"), text.encode().split(b"\n"), strict=False)
    line = next((number for number, (a, b) in enumerate(pairs, 1) if a != b), None)
    return f", first in line {line}" if line else " in its length"


def _listed() -> str:
    return ", ".join(KNOWN)
