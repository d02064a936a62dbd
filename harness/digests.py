"""What is known of image files: digests and a perceptual hash, read and decoded once, remembered by size and time."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.contracts import Progress
from harness.errors import DataError, StoreError
from harness.images import read_image
from harness.table import ImageTable
from harness.types import Image

CHUNK = 256
"""Files between two notes in the cache: what a killed run loses, and what Ctrl-C waits for."""
TABLE = """CREATE TABLE IF NOT EXISTS image
(path TEXT PRIMARY KEY, stamp TEXT, digest TEXT, pixels TEXT, phash TEXT)"""


@dataclass(frozen=True)
class Checked:
    """What is known of one image file: SHA-256 of its bytes, why it cannot be decoded ("" = it can), SHA-256 of its
    decoded pixels, and their perceptual hash (16 hex digits)."""

    digest: str
    damage: str
    pixels: str = ""
    phash: str = ""


def check_images(root: Path, paths: Sequence[str], cache: Path, progress: Progress) -> list[Checked]:
    """Digest and decode every image; good files unchanged since the last time (size and mtime) come from ``cache``.

    A missing file is damage too. The cache is SQLite, safe for several processes; it is written as the work goes on. A
    cache of an older version, whose table ``file`` knows digests only, is filled anew in the table ``image``.

    Raises:
        StoreError: the cache cannot be used.
    """
    base = str(root.resolve())
    stamps = {path: _stamp(root / path) for path in dict.fromkeys(paths)}
    try:
        with closing(sqlite3.connect(cache, timeout=60)) as db:
            db.execute(TABLE)
            done = {p: known for p, stamp, known in _known(db, base) if stamps.get(p) == stamp}
            todo = [path for path in stamps if path not in done]
            if todo:
                progress.start(len(todo), "image files")
            for start in range(0, len(todo), CHUNK):
                fresh = _check_all(root, todo[start : start + CHUNK])
                done |= fresh
                rows = [
                    (f"{base}/{p}", stamps[p], item.digest, item.pixels, item.phash)
                    for p, item in fresh.items()
                    if not item.damage
                ]
                with db:
                    db.executemany("REPLACE INTO image VALUES (?, ?, ?, ?, ?)", rows)
                progress.advance(len(fresh))
    except sqlite3.Error as error:
        raise StoreError(
            f"cannot use {cache}: {error}", "Free some space, or remove this file: it only saves time."
        ) from error
    return [done[path] for path in paths]


def _known(db: sqlite3.Connection, base: str) -> Iterator[tuple[str, str, Checked]]:
    """Path below ``base``, stamp and hashes of the files that were good the last time."""
    found = db.execute("SELECT path, stamp, digest, pixels, phash FROM image WHERE path GLOB ?", (_glob(base),))
    for path, stamp, digest, pixels, phash in found:
        yield path[len(base) + 1 :], stamp, Checked(digest, "", pixels, phash)


def with_digests(table: ImageTable, cache: Path, damaged: str, progress: Progress) -> tuple[ImageTable, int]:
    """Fill the columns ``digest``, ``pixels`` and ``phash``; ``damaged="skip"`` drops and counts undecodable rows.

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
    good = np.flatnonzero([not item.damage for item in checked])
    kept = [checked[i] for i in good]
    columns = {name: [getattr(item, name) for item in kept] for name in ("digest", "pixels", "phash")}
    return table.select(good).with_columns(**columns), len(bad)


def _check_all(root: Path, paths: Sequence[str]) -> dict[str, Checked]:
    with ThreadPoolExecutor() as pool:
        return dict(zip(paths, pool.map(lambda path: _check(root / path), paths), strict=True))


def _check(path: Path) -> Checked:
    try:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        image = read_image(path)
    except OSError as error:
        return Checked("", str(error.strerror or error))
    except DataError as error:
        return Checked("", error.problem.replace(str(path), path.name))
    return Checked(content, "", pixel_digest(image), perceptual_hash(image))


def pixel_digest(image: Image) -> str:
    """SHA-256, in hex, of the shape and the bytes of an image [h, w, 3]: pictures of other shapes never agree."""
    state = hashlib.sha256(f"{image.shape};".encode())
    state.update(np.ascontiguousarray(image).data)
    return state.hexdigest()


def perceptual_hash(image: Image) -> str:
    """The 64 bits of pHash as 16 hex digits: signs of the low frequencies of an image [h, w, 3] against their median
    (Zauner, Implementation and benchmarking of perceptual image hash functions, 2010)."""
    from imagehash import phash
    from PIL import Image as Pil

    return str(phash(Pil.fromarray(image)))


def _stamp(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return "missing"
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def _glob(base: str) -> str:
    escaped = "".join(f"[{c}]" if c in "*?[" else c for c in base)
    return f"{escaped}/*"
