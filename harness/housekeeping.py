"""Looking after the store: listing, explaining a key, and freeing space."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.disk import explained
from harness.errors import StoreError
from harness.store import Store

LEFTOVER = "leftover"
LEFTOVER_SECONDS = 3600.0
"""A temporary file this old belongs to no running writer: writers rename within seconds."""


@dataclass(frozen=True)
class Entry:
    """A value or a collection on disk."""

    stage: str
    digest: str
    path: Path
    bytes: int
    age_days: float

    def as_json(self) -> dict[str, Any]:
        """For a script; no path."""
        return {"stage": self.stage, "key": self.digest, "bytes": self.bytes, "age_days": round(self.age_days, 2)}


def entries(store: Store) -> list[Entry]:
    """All values and collections, by stage, newest first."""
    found = [_entry(path, stage) for stage, path in _folders(store)]
    return sorted((entry for entry in found if entry), key=lambda entry: (entry.stage, entry.age_days))


def difference(store: Store, first: str, second: str) -> list[tuple[str, Any, Any]]:
    """Parts of two keys that differ, as (dotted name, value in the first, value in the second).

    Raises:
        StoreError: a head of a digest that names none, or several, of the entries, or an entry that is damaged.
    """
    a, b = (_flat(_key(_find(store, head))) for head in (first, second))
    return [(name, a.get(name), b.get(name)) for name in sorted({*a, *b}) if a.get(name) != b.get(name)]


def collect_garbage(store: Store, older_than_days: float | None, dry_run: bool) -> tuple[int, int]:
    """Remove leftovers, and entries unused for so many days; an entry that is being computed stays.

    Returns:
        bytes and number of entries that went (or would go).
    """
    leftovers = [_entry(path, LEFTOVER) for path in (store.root / "tmp").iterdir()]
    doomed = [entry for entry in leftovers if entry and entry.age_days * 86400 > LEFTOVER_SECONDS]
    if older_than_days is not None:
        found = (*entries(store), *_unfinished(store), *_shown(store))
        doomed += [entry for entry in found if entry.age_days >= older_than_days]
    gone = [entry for entry in doomed if _remove(store, entry, dry_run)]
    return sum(entry.bytes for entry in gone), len(gone)


def _remove(store: Store, entry: Entry, dry_run: bool) -> bool:
    """Take an entry away under its lock, and those of its shards; False where another process holds one."""
    name = LEFTOVER if entry.stage == LEFTOVER else f"{entry.stage}-{entry.digest}"
    locks = {store.root / "locks" / f"{name}.lock", *(store.root / "locks").glob(f"{name}.*.lock")}
    with explained(entry.path), contextlib.ExitStack() as held:
        try:
            for lock in sorted(locks):
                held.enter_context(FileLock(lock, timeout=0))
        except Timeout:
            return False
        if not dry_run:
            _delete(store, entry.path)
    return True


def _delete(store: Store, path: Path) -> None:
    """Rename first: nobody sees half an entry."""
    doomed = store.root / "tmp" / f"removed-{uuid.uuid4().hex}"
    with contextlib.suppress(FileNotFoundError):  # another process was first
        path.rename(doomed)
        shutil.rmtree(doomed) if doomed.is_dir() else doomed.unlink()


def _folders(store: Store) -> Iterator[tuple[str, Path]]:
    """Stage and folder of every value and collection."""
    for path in (store.root / "values").glob("*/*/*/key.json"):
        yield path.parents[2].name, path.parent
    for path in (store.root / "collections").glob("*/*/key.json"):
        yield path.parents[1].name, path.parent


def _unfinished(store: Store) -> list[Entry]:
    """States of stages that a killed run has left; a run that goes on would use them."""
    found = []
    for path in (store.root / "partial").glob("*.bin"):
        stage, _, digest = path.stem.rpartition("-")
        found.append(_entry(path, stage, digest))
    return [entry for entry in found if entry]


def _shown(store: Store) -> list[Entry]:
    """What reports are made of: traces of cells, and small copies of photographs."""
    found = [_entry(path, "trace", path.stem) for path in (store.root / "traces").glob("*/*.json")]
    found += [_entry(path, "thumbnail", path.stem) for path in (store.root / "thumbnails").glob("*/*/*.webp")]
    return [entry for entry in found if entry]


def _entry(path: Path, stage: str, digest: str = "") -> Entry | None:
    """None where another process has just removed it."""
    try:
        files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
        age = (time.time() - path.stat().st_mtime) / 86400
        return Entry(stage, digest or path.name, path, sum(p.stat().st_size for p in files), age)
    except FileNotFoundError:
        return None


def _key(folder: Path) -> Any:
    try:
        return json.loads((folder / "key.json").read_text())
    except (OSError, ValueError) as error:
        raise StoreError(
            f"the key of {folder.name[:12]} cannot be read: {error}", "Compute that entry again."
        ) from error


def _find(store: Store, head: str) -> Path:
    found = [path for _, path in _folders(store) if path.name.startswith(head)]
    if len(found) != 1:
        what = "no entry" if not found else f"{len(found)} entries"
        raise StoreError(f"{what} of the store starts with {head!r}", "See the keys with: harness cache ls --json")
    return found[0]


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested JSON as dotted names."""
    if isinstance(value, dict) and value:
        return {k: v for name, inner in value.items() for k, v in _flat(inner, f"{prefix}{name}.").items()}
    if isinstance(value, list) and value:
        return {k: v for i, inner in enumerate(value) for k, v in _flat(inner, f"{prefix}{i}.").items()}
    return {prefix.rstrip("."): value}
