"""Content digests of image files: each file is read and decoded once, then remembered by size and time."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from harness.contracts import Progress
from harness.errors import DataError
from harness.images import read_image
from harness.table import ImageTable


@dataclass(frozen=True)
class Checked:
    """What is known of one image file: SHA-256 of its bytes, and why it cannot be decoded ("" = it can)."""

    digest: str
    damage: str


def check_images(root: Path, paths: Sequence[str], cache: Path, progress: Progress) -> list[Checked]:
    """Digest and decode every image; files unchanged since the last time (size and mtime) come from ``cache``.

    A missing file is damage too. The cache is SQLite, safe for several processes.
    """
    with closing(sqlite3.connect(cache, timeout=60)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, stamp TEXT, digest TEXT, damage TEXT)")
        base = str(root.resolve())
        known = {
            row[0]: row[1:]
            for row in db.execute("SELECT path, stamp, digest, damage FROM file WHERE path GLOB ?", (_glob(base),))
        }
        stamps = {path: _stamp(root / path) for path in dict.fromkeys(paths)}
        todo = [p for p, stamp in stamps.items() if known.get(f"{base}/{p}", ("",))[0] != stamp]
        fresh: dict[str, Checked] = {}
        if todo:
            progress.start(len(todo), "image files")
        for path, checked in _check_all(root, todo):
            fresh[path] = checked
            db.execute(
                "REPLACE INTO file VALUES (?, ?, ?, ?)",
                (f"{base}/{path}", stamps[path], checked.digest, checked.damage),
            )
            progress.advance()
        db.commit()
    return [fresh.get(p) or Checked(*known[f"{base}/{p}"][1:]) for p in paths]


def with_digests(table: ImageTable, cache: Path, damaged: str, progress: Progress) -> tuple[ImageTable, int]:
    """Fill the ``digest`` column; with ``damaged="skip"`` undecodable rows are dropped and counted.

    Raises:
        DataError: ``damaged="error"`` and there are such files; names the first of them and how many there are.
    """
    checked = check_images(table.root, table.path.tolist(), cache, progress)
    bad = [i for i, item in enumerate(checked) if item.damage]
    if bad and damaged == "error":
        first = "; ".join(f"{table.path[i]}: {checked[i].damage}" for i in bad[:3])
        raise DataError(
            f"{len(bad)} of {len(table)} images cannot be used: {first}{' ...' if len(bad) > 3 else ''}",
            "Replace the files or remove their rows, or leave them out and count them: --set protocol.damaged=skip",
        )
    good = [i for i, item in enumerate(checked) if not item.damage]
    return table.select(good).with_columns(digest=[checked[i].digest for i in good]), len(bad)


def _check_all(root: Path, paths: Sequence[str]) -> Iterator[tuple[str, Checked]]:
    with ThreadPoolExecutor() as pool:
        yield from zip(paths, pool.map(lambda path: _check(root / path), paths), strict=True)


def _check(path: Path) -> Checked:
    try:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        read_image(path)
    except OSError as error:
        return Checked("", str(error.strerror))
    except DataError as error:
        return Checked("", error.problem.replace(str(path), path.name))
    return Checked(content, "")


def _stamp(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return "missing"
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def _glob(base: str) -> str:
    escaped = "".join(f"[{c}]" if c in "*?[" else c for c in base)
    return f"{escaped}/*"
