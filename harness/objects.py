"""Objects at a URL that machines share: each whole or not there, every request tried again."""

from __future__ import annotations

import contextlib
import errno
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from harness.disk import write_atomically
from harness.errors import StoreError

TRIES, WAIT = 7, 0.25
"""Of a request, and seconds before the second one; twice as long before each further one, some 16 s in all."""
PASSING = {"HTTPClientError", "ConnectionError", "ClientError", "IncompleteReadError"}
"""Failures of the network that are no OSError, in botocore and aiohttp, by the names of their classes."""

T = TypeVar("T")


class Objects:
    """The objects below one URL, ``base`` in an fsspec file system ``fs`` that caches no listing.

    Raises:
        StoreError: of every method: the object store cannot be used, and what to do.
    """

    def __init__(self, url: str, fs: Any, base: str) -> None:
        self.url, self.fs, self._base = url, fs, base
        self._disk = "file" in fs.protocol  # the names of its protocol, or the one name

    def read(self, name: str) -> bytes | None:
        """The content of an object; None where there is none."""
        with contextlib.suppress(FileNotFoundError):
            return bytes(self._tried(self.fs.cat_file, self._path(name)))
        return None

    def get(self, name: str, path: Path) -> bool:
        """Fetch an object into a file; False where there is none."""
        with contextlib.suppress(FileNotFoundError):
            self._tried(self.fs.get_file, self._path(name), str(path))
            return True
        return False

    def names(self, folder: str) -> list[str]:
        """The names of the objects of a folder that has no folders."""
        with contextlib.suppress(FileNotFoundError):
            found = [path.rpartition("/")[2] for path in self._tried(self.fs.find, self._path(folder))]
            return [name for name in found if not name.startswith(".")]
        return []

    def write(self, name: str, content: bytes) -> None:
        """Put an object, whole or not at all."""
        self._put(_written if self._disk else self.fs.pipe_file, name, content)

    def put(self, name: str, file: Path) -> None:
        """Put a file, whole or not at all."""
        self._put(_copied if self._disk else lambda path, file: self.fs.put_file(str(file), path), name, file)

    def create(self, name: str, content: bytes) -> bool:
        """Put an object where there is none, of unique content; False where another was first."""
        try:
            self._put(_created if self._disk else self._exclusive, name, content)
        except FileExistsError:  # it may be our own, whose answer was lost
            return self.read(name) == content
        return True

    def remove(self, name: str) -> None:
        """Remove an object, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self._tried(self.fs.rm_file, self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}"

    def _exclusive(self, path: str, content: bytes) -> None:
        try:
            self.fs.pipe_file(path, content, mode="create")
        except OSError as error:  # servers differ in how they word it
            if "PreconditionFailed" in repr(error.__cause__):
                raise FileExistsError(path) from error
            raise

    def _put(self, how: Callable[[Any, Any], Any], name: str, content: Any) -> None:
        try:
            self._tried(how, self._path(name), content)
        except FileNotFoundError as error:
            raise StoreError(f"cannot write to {self.url}: no such bucket", "Make it, or correct --store.") from error

    def _tried(self, request: Callable[..., T], *given: Any, **named: Any) -> T:
        """Make a request, several times if need be; that something is not there, or is, comes through."""
        for left in reversed(range(TRIES)):
            try:
                return request(*given, **named)
            except (FileNotFoundError, FileExistsError):
                raise
            except Exception as error:
                if (again := _passing(error)) is None:
                    raise
                if not again or not left:
                    raise self._explained(error) from error
            time.sleep(WAIT * 2 ** (TRIES - 1 - left) * random.uniform(0.5, 1.5))  # noqa: S311
        raise AssertionError("unreachable")

    def _explained(self, error: Exception) -> StoreError:
        if isinstance(error, PermissionError):
            advice = "Check the credentials, and that they may list, get, put and delete objects there."
        elif isinstance(error, OSError) or _passing(error):
            advice = "What is finished is kept; the same command goes on. Check the network, and AWS_ENDPOINT_URL."
        else:
            advice = "Give credentials as to any AWS tool: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        return StoreError(f"cannot use the store at {self.url}: {error or type(error).__name__}", advice)


def _passing(error: Exception) -> bool | None:
    """Whether a request may succeed when it is made again; None where the failure is none of the object store's."""
    if isinstance(error, OSError):
        return not isinstance(error, PermissionError) and error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    if type(error).__module__.split(".")[0] in ("botocore", "aiobotocore", "aiohttp"):
        return any(kind.__name__ in PASSING for kind in type(error).__mro__)
    return None


def _written(path: str, content: bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(Path(path), content)


def _copied(path: str, file: Path) -> None:
    _written(path, file.read_bytes())


def _created(path: str, content: bytes) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("xb") as file:
        file.write(content)
