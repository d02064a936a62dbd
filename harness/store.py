"""The store: content-addressed values on disk, written whole or not at all, checked when read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from harness.errors import StoreError
from harness.fingerprint import digest

SCHEMA = 1
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Key:
    """Everything that decides a stage's result; ``digest`` is its SHA-256 and the place in the store."""

    stage: str
    parts: Mapping[str, Any]

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

    Args:
        root: made when missing.

    Raises:
        StoreError: the folder cannot be made or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with explained(root):
            for name in ("values", "collections", "partial", "tmp", "locks", "datasets"):
                (root / name).mkdir(parents=True, exist_ok=True)

    def path(self, key: Key) -> Path:
        """The folder of a value."""
        return self.root / "values" / key.stage / key.digest[:2] / key.digest

    def has(self, key: Key) -> bool:
        """Whether the value is there (its content is checked when it is read)."""
        return (self.path(key) / "meta.json").is_file()

    def read(self, key: Key) -> Value | None:
        """The value, or None where it is missing or damaged; a damaged one is reported and moved aside."""
        folder = self.path(key)
        if not self.has(key):
            return None
        try:
            return _load(folder)
        except (OSError, ValueError, KeyError) as error:
            aside = self.root / "tmp" / f"damaged-{key.digest[:12]}-{uuid.uuid4().hex[:8]}"
            warnings.warn(f"{key.stage} {key.digest[:12]} is damaged ({error}); it is computed again", stacklevel=2)
            with contextlib.suppress(OSError):
                folder.rename(aside)
            return None

    def write(self, key: Key, value: Value) -> None:
        """Put a value in its place at once: temporary folder, fsync, rename. An existing value stays."""
        folder = self.path(key)
        with explained(folder):
            temporary = self.root / "tmp" / uuid.uuid4().hex
            temporary.mkdir()
            try:
                _save(temporary, key, value)
                folder.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(OSError) if folder.exists() else contextlib.nullcontext():
                    temporary.rename(folder)
                sync_folder(folder.parent)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    @contextlib.contextmanager
    def lock(self, key: Key) -> Iterator[None]:
        """Hold the right to compute a key; a second process waits. A killed holder's lock is free at once."""
        lock = FileLock(self.root / "locks" / f"{key.stage}-{key.digest}.lock")
        with explained(self.root):
            try:
                lock.acquire(timeout=0.2)
            except Timeout:
                warnings.warn(f"another process computes {key.stage} {key.digest[:12]}; waiting for it", stacklevel=3)
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def checkpoint(self, key: Key) -> FileCheckpoint:
        """Where the unfinished state of a stage is kept."""
        return FileCheckpoint(self.root / "partial" / f"{key.stage}-{key.digest}.bin")


class FileCheckpoint:
    """One file, replaced atomically; gone when the stage has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> bytes | None:
        """The newest whole state, or None."""
        return self.path.read_bytes() if self.path.is_file() else None

    def save(self, state: bytes) -> None:
        """Replace the state at once."""
        with explained(self.path):
            write_atomically(self.path, state)

    def remove(self) -> None:
        """Forget the state."""
        self.path.unlink(missing_ok=True)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an operating-system failure into a StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        advice = {
            errno.ENOSPC: "The disk is full: free some space (harness cache gc), or give another --store. "
            "What is finished is kept; the same command goes on.",
            errno.EDQUOT: "The quota is used up: free some space, or give another --store.",
            errno.EROFS: "The file system is read-only: give a --store that can be written.",
            errno.EACCES: "No permission: give a --store that can be written.",
        }.get(error.errno or 0, "Check the folder, or give another --store.")
        raise StoreError(f"cannot use the store at {path}: {error.strerror or error}", advice) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, fsync it, and rename it into place."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _save(folder: Path, key: Key, value: Value) -> None:
    from safetensors.numpy import save

    files = {
        "arrays.safetensors": save({k: np.ascontiguousarray(v) for k, v in value.arrays.items()}),
        "info.json": json.dumps(value.info, allow_nan=False).encode(),
        "key.json": json.dumps({"schema": SCHEMA, "stage": key.stage, **key.parts}, indent=1, sort_keys=True).encode(),
    }
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files["meta.json"] = json.dumps({"seconds": value.seconds, "sha256": sums}).encode()
    for name, content in files.items():
        write_atomically(folder / name, content)


def _load(folder: Path) -> Value:
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
