"""The store: content-addressed values on disk, written whole or not at all, checked when read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import uuid
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from harness.disk import explained, mark_used, sync_folder, write_atomically, write_synced
from harness.errors import StoreError
from harness.fingerprint import digest

SCHEMA = 1
MIRROR = "mirror.json"
"""A file in the folder of a store that mirrors an object store: at which URL, and which one it found there."""
CHECKSUM_BYTES = 32
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Key:
    """Everything that decides a stage's result; ``digest`` is its SHA-256 and the place in the store.

    ``kind`` says what decides how long it takes, for time estimates; it is no part of the digest.
    """

    stage: str
    parts: Mapping[str, Any]
    kind: str = field(default="", compare=False)

    @property
    def digest(self) -> str:
        return digest({"schema": SCHEMA, "stage": self.stage, **self.parts})


@dataclass(frozen=True)
class Value:
    """A stage's output: numeric arrays and plain JSON, with the seconds that it took to compute."""

    arrays: Arrays
    info: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


class Store:
    """Values and collections below one folder, shared by any number of processes.

    What several machines share is in :mod:`harness.remote`, which overrides ``bring`` and ``share``.

    Args:
        root: made when missing.

    Raises:
        StoreError: the folder cannot be made or written, or mirrors an object store.

    Attributes:
        url: of the object store that the folder mirrors; empty where it mirrors none.
    """

    url = ""

    def __init__(self, root: Path) -> None:
        self.root = root
        if not self.url and (root / MIRROR).is_file():
            raise StoreError(f"{root} mirrors an object store", "Give the URL of that one as --store.")
        with explained(root):
            for name in ("values", "collections", "partial", "tmp", "locks", "datasets"):
                (root / name).mkdir(parents=True, exist_ok=True)

    def path(self, key: Key) -> Path:
        """The folder of a value."""
        return self.root / "values" / key.stage / key.digest[:2] / key.digest

    def has(self, key: Key) -> bool:
        """Whether the value is there (its content is checked when it is read)."""
        folder = self.path(key)
        return _whole(folder) or self.bring(folder)

    def bring(self, path: Path) -> bool:
        """Fetch what belongs at this path from the machines that share the store; whether it is there now."""
        return False

    def share(self, path: Path) -> None:
        """Hand what was written at this path to the machines that share the store."""

    def drop(self, path: Path) -> None:
        """Remove a file whose content is in another, from the machines that share the store, too."""
        with explained(path):
            path.unlink(missing_ok=True)

    def current(self, folder: Path, paths: Iterable[Path]) -> list[Path]:
        """Those of the files in a folder that nobody has dropped."""
        return [path for path in paths if path.is_file()]

    def read(self, key: Key) -> Value | None:
        """The value, or None where it is missing or damaged; a damaged one is reported and moved aside.

        Raises:
            StoreError: it is there, but may not be read.
        """
        folder = self.path(key)
        if not self.has(key):
            return None
        try:
            value = load(folder)
        except PermissionError as error:
            raise StoreError(f"cannot read {folder}: {error.strerror}", "Mend its permissions.") from error
        except (OSError, ValueError, LookupError, TypeError) as error:
            warnings.warn(f"{key.stage} {key.digest[:12]} is damaged ({error}); it is computed again", stacklevel=2)
            self.put_aside(folder)
            return None
        mark_used(folder)
        return value

    def write(self, key: Key, value: Value) -> None:
        """Put a value in its place at once: temporary folder, fsync, rename. An existing value stays."""
        folder = self.path(key)
        with explained(folder):
            temporary = self.root / "tmp" / uuid.uuid4().hex
            temporary.mkdir()
            try:
                _save(temporary, key, value)
                folder.parent.mkdir(parents=True, exist_ok=True)
                if folder.exists() and not _whole(folder):
                    self.put_aside(folder)
                try:
                    temporary.rename(folder)
                except OSError:
                    if not _whole(folder):  # else another process was first, and its value is as good
                        raise
                sync_folder(folder.parent)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        self.share(folder)

    def put_aside(self, path: Path) -> None:
        """Move what is damaged out of the way."""
        aside = self.root / "tmp" / f"damaged-{path.name[:12]}-{uuid.uuid4().hex[:8]}"
        with explained(path), contextlib.suppress(FileNotFoundError):  # another process may have done it
            path.rename(aside)

    @contextlib.contextmanager
    def lock(self, key: Key, shard: str = "", wait: bool = True) -> Iterator[bool]:
        """Hold the right to compute a key, or one shard of it. A killed holder's lock is free at once.

        A second process waits; without ``wait`` it is handed False instead, and True where the right is its own.
        """
        lock = FileLock(self.root / "locks" / f"{key.stage}-{key.digest}{shard}.lock")
        with explained(self.root):
            try:
                lock.acquire(timeout=0.2 if wait else 0)
            except Timeout:
                if wait:
                    warnings.warn(f"another process computes {key.stage} {key.digest[:12]}; waiting", stacklevel=3)
                    lock.acquire()
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def checkpoint(self, key: Key) -> FileCheckpoint:
        """Where the unfinished state of a stage is kept."""
        return FileCheckpoint(self.root / "partial" / f"{key.stage}-{key.digest}.bin")


class FileCheckpoint:
    """One file, replaced atomically, its checksum first; gone when the stage has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> bytes | None:
        """The newest whole state, or None; a damaged one is reported, and the stage begins anew."""
        if not self.path.is_file():
            return None
        with explained(self.path):
            content = self.path.read_bytes()
        checksum, state = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
        if hashlib.sha256(state).digest() == checksum:
            return state
        warnings.warn(f"the unfinished {self.path.stem[:20]} is damaged; it begins anew", stacklevel=2)
        return None

    def save(self, state: bytes) -> None:
        """Replace the state at once."""
        with explained(self.path):
            write_atomically(self.path, hashlib.sha256(state).digest() + state)

    def remove(self) -> None:
        """Forget the state."""
        with explained(self.path):
            self.path.unlink(missing_ok=True)


def _save(folder: Path, key: Key, value: Value) -> None:
    from safetensors.numpy import save

    files = {
        "arrays.safetensors": save({k: np.asarray(v, order="C") for k, v in value.arrays.items()}),
        "info.json": json.dumps(value.info, allow_nan=False).encode(),
        "key.json": json.dumps({"schema": SCHEMA, "stage": key.stage, **key.parts}, indent=1, sort_keys=True).encode(),
    }
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files["meta.json"] = json.dumps({"seconds": value.seconds, "sha256": sums}).encode()
    for name, content in files.items():
        write_synced(folder / name, content)  # the folder is renamed as a whole
    sync_folder(folder)


def _whole(folder: Path) -> bool:
    return (folder / "meta.json").is_file()


def load(folder: Path) -> Value:
    """The value in a folder.

    Raises:
        OSError, ValueError, LookupError, TypeError: it is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    meta = json.loads((folder / "meta.json").read_text())
    content = {name: (folder / name).read_bytes() for name in meta["sha256"]}
    for name, expected in meta["sha256"].items():
        if hashlib.sha256(content[name]).hexdigest() != expected:
            raise ValueError(f"checksum of {name}")
    try:
        arrays = load(content["arrays.safetensors"])
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    return Value(arrays, json.loads(content["info.json"]), meta["seconds"])
