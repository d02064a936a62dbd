"""What machines share at a URL: objects, every request tried again, and leases, each held by one machine at a time."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from harness.disk import write_atomically
from harness.errors import StoreError

HEARTBEAT, TTL = 10.0, 60.0
"""Seconds between two signs of life of a holder, and those without one after which it counts as dead."""
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


class Watch:
    """For how long an observer has seen the same, by its own clock.

    Between two looks no more than a heartbeat counts: while nobody could look, nobody could give a sign of life either.
    """

    def __init__(self) -> None:
        self._seen: object = None
        self._last = self._same = 0.0

    def look(self, seen: object) -> float:
        """Seconds for which it has been so."""
        now = time.monotonic()
        self._same = self._same + min(now - self._last, HEARTBEAT) if seen == self._seen else 0.0
        self._seen, self._last = seen, now
        return self._same


class Lease:
    """The right of one machine to do something, as objects ``locks/<name>/<generation>``; no clocks are compared.

    The highest generation counts. It is free when it says so, and its holder is dead when it has not changed for
    :data:`TTL`. Who creates the next generation is the holder. A folder each, since names end in shards (``.7``), and
    so that a look lists no other locks. Who asks has locked out the other processes of its ``mirror``, so a lease that
    one of these has left is free, too.
    """

    def __init__(self, objects: Objects, name: str, watch: Watch, mirror: str) -> None:
        self.objects, self.name, self.watch, self._mirror = objects, name, watch, f"{mirror}@{socket.gethostname()}"
        self._own = {"token": uuid.uuid4().hex, "mirror": self._mirror, "pid": os.getpid()}
        self._generation = self._count = 0
        self._ended, self._thread = threading.Event(), threading.Thread(target=self._beat, daemon=True)
        self.lost = False

    def take(self, wait: bool, waiting: Callable[[], None]) -> bool:
        """Become the holder; without ``wait``, False where another is. ``waiting`` is called once, where it waits."""
        told = False
        while True:
            generation, content = self._highest()
            if self._free(content) or self.watch.look((generation, content)) >= TTL:
                if self.objects.create(self._place(generation + 1), self._content(free=False)):
                    self._hold(generation + 1)
                    return True
            elif not wait:
                return False
            else:
                if not told:
                    waiting()
                told = True
                time.sleep(min(HEARTBEAT / 3, 2.0) * random.uniform(0.5, 1.0))  # noqa: S311

    def release(self) -> None:
        """Let others have it."""
        self._ended.set()
        self._thread.join()
        if not self.lost:
            try:
                self.objects.write(self._place(self._generation), self._content(free=True))
            except StoreError as error:
                warnings.warn(f"the lease {self.name[:24]} could not be given back; {error}", stacklevel=3)

    def _hold(self, generation: int) -> None:
        self._generation = generation
        self._thread.start()
        with contextlib.suppress(StoreError):  # they do no harm
            for lower in self._generations() if generation > 1 else ():
                if lower < generation:
                    self.objects.remove(self._place(lower))

    def _beat(self) -> None:
        """Give signs of life until it ends, or another has taken over."""
        while not self._ended.wait(HEARTBEAT):
            with contextlib.suppress(StoreError):  # the next one may come through
                if max(self._generations(), default=0) > self._generation:
                    self.lost = True
                    warnings.warn(f"another machine has taken over {self.name[:24]}; both go on", stacklevel=2)
                    return
                self.objects.write(self._place(self._generation), self._content(free=False))

    def _highest(self) -> tuple[int, bytes | None]:
        while generations := self._generations():
            if (content := self.objects.read(self._place(max(generations)))) is not None:  # else just removed
                return max(generations), content
        return 0, None

    def _generations(self) -> list[int]:
        return [int(name) for name in self.objects.names(f"locks/{self.name}") if name.isdecimal()]

    def _place(self, generation: int) -> str:
        return f"locks/{self.name}/{generation}"

    def _content(self, free: bool) -> bytes:
        self._count += 1
        return json.dumps({**self._own, "count": self._count, "free": free}).encode()

    def _free(self, content: bytes | None) -> bool:
        try:
            told = {"free": True} if content is None else json.loads(content)
            return told["free"] is True or told["mirror"] == self._mirror
        except (ValueError, LookupError, TypeError):  # it is just being written
            return False
