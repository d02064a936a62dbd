"""Looking after the store: listing, explaining a key, and freeing space."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from harness.errors import StoreError
from harness.store import Store

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
    found = [_entry(path) for path in _folders(store)]
    return sorted(found, key=lambda entry: (entry.stage, entry.age_days))


def difference(store: Store, first: str, second: str) -> list[tuple[str, Any, Any]]:
    """Parts of two keys that differ, as (dotted name, value in the first, value in the second).

    Raises:
        StoreError: a head of a digest that names none, or several, of the entries.
    """
    a, b = (_flat(json.loads((_find(store, head) / "key.json").read_text())) for head in (first, second))
    return [(name, a.get(name), b.get(name)) for name in sorted({*a, *b}) if a.get(name) != b.get(name)]


def collect_garbage(store: Store, older_than_days: float | None, dry_run: bool) -> tuple[int, int]:
    """Remove leftovers, and entries unused for so many days; an entry that is being computed stays.

    Returns:
        bytes and number of entries that went (or would go).
    """
    doomed = [_entry(path) for path in (store.root / "tmp").iterdir() if _age(path) * 86400 > LEFTOVER_SECONDS]
    if older_than_days is not None:
        doomed += [e for e in entries(store) if e.age_days >= older_than_days and not _locked(store, e)]
    for entry in doomed if not dry_run else ():
        shutil.rmtree(entry.path) if entry.path.is_dir() else entry.path.unlink()
    return sum(entry.bytes for entry in doomed), len(doomed)


def _folders(store: Store) -> Iterator[Path]:
    yield from (path.parent for path in (store.root / "values").glob("*/*/*/key.json"))
    yield from (path.parent for path in (store.root / "collections").glob("*/*/key.json"))


def _entry(path: Path) -> Entry:
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    described = path / "key.json"
    stage = json.loads(described.read_text())["stage"] if described.is_file() else "leftover"
    return Entry(stage, path.name, path, sum(p.stat().st_size for p in files), _age(path))


def _age(path: Path) -> float:
    return (time.time() - path.stat().st_mtime) / 86400


def _locked(store: Store, entry: Entry) -> bool:
    lock = FileLock(store.root / "locks" / f"{entry.stage}-{entry.digest}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def _find(store: Store, head: str) -> Path:
    found = [path for path in _folders(store) if path.name.startswith(head)]
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
