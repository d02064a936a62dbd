"""Writing to disk whole or not at all, and what to do where the operating system refuses."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from harness.errors import StoreError


@contextlib.contextmanager
def explained(path: Path, what: str = "store", option: str = "--store") -> Iterator[None]:
    """Turn an operating-system failure into a StoreError that says what to do; ``option`` chooses another folder."""
    try:
        yield
    except OSError as error:
        advice = {
            errno.ENOSPC: f"The disk is full: free some space (harness cache gc), or give another {option}. "
            "What is finished is kept; the same command goes on.",
            errno.EDQUOT: f"The quota is used up: free some space, or give another {option}.",
            errno.EROFS: f"The file system is read-only: give a {option} that can be written.",
            errno.EACCES: f"No permission: give a {option} that can be written.",
        }.get(error.errno or 0, f"Check the folder, or give another {option}.")
        raise StoreError(f"cannot use the {what} at {path}: {error.strerror or error}", advice) from error


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, fsync it, and rename it into place."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        write_synced(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and see it to the disk; who renames its folder needs no temporary name."""
    with path.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def mark_used(folder: Path) -> None:
    """Note that an entry was read, so that clearing up by age spares what is in use."""
    with contextlib.suppress(OSError):  # a store that is only read stays as it is
        os.utime(folder)


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
