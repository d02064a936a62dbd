"""A store that several machines share at a URL: a local mirror, what it lacks fetched, and what it gets put there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import uuid
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, unquote

from filelock import FileLock

from harness.disk import explained, write_atomically
from harness.errors import StoreError
from harness.lease import Lease, Watch
from harness.objects import Objects
from harness.parts import checksum
from harness.remote_checkpoint import RemoteCheckpoint
from harness.store import MIRROR, FileCheckpoint, Key, Store, load

FILES = ("arrays.safetensors", "info.json", "key.json")
"""What a value's meta.json names; it is put last, since a value is there when its meta.json is."""
PART = re.compile(r"[0-9a-f]{64}\.safetensors")
OWN = {"prepare"}
"""Stages whose result stays on each machine: no other needs to wait."""
THREADS = 8


def open_store(where: str | Path) -> Store:
    """The store in a folder, made when missing, or at a URL such as s3://bucket/prefix.

    Raises:
        StoreError: it cannot be used.
    """
    return RemoteStore(str(where)) if "://" in str(where) else Store(Path(where).expanduser())


def mirror(url: str) -> Path:
    """The folder of this machine that mirrors a URL: below ``$HARNESS_STORE_CACHE``, else the user's cache folder."""
    from platformdirs import user_cache_path

    given, url = os.environ.get("HARNESS_STORE_CACHE"), url.rstrip("/")
    below = Path(given).expanduser() if given else user_cache_path("reid-harness") / "mirrors"
    return below / f"{re.sub(r'[^A-Za-z0-9]+', '-', url)[:48]}-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def connected(url: str) -> Objects:
    """The objects at a URL; nothing is asked of it yet."""
    try:
        from fsspec.core import url_to_fs

        return Objects(url, *url_to_fs(url, use_listings_cache=False, skip_instance_cache=True))
    except (ImportError, ValueError) as error:
        advice = "Give such as --store s3://bucket/prefix"
        if isinstance(error, ImportError):
            advice = "pip install 'reid-harness[s3]' (for s3; fsspec names the packages of others)"
        raise StoreError(f"cannot open {url}: {error}", advice) from error


class RemoteStore(Store):
    """A mirror of the store at a URL. An object there has the name that its file has in the mirror's folder.

    Raises:
        StoreError: also where it cannot be reached, or is not the one that the mirror was made of.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.objects = connected(self.url)
        super().__init__(mirror(self.url))
        self._watches: dict[str, Watch] = {}
        self._described: set[str] = set()
        self._notes = self.root / "unshared"
        self._recognize()
        with explained(self.root):
            self._notes.mkdir(exist_ok=True)
            left = sorted(self._notes.iterdir())
        for note in left:  # of a run that was killed, or that lost its connection
            self._share(self.root / unquote(note.name), note)

    def _recognize(self) -> None:
        """A mirror of another store at this URL would hold values that this one has not, and never put them there."""
        told = self.objects.read("store.json")
        if told is None:
            self.objects.create("store.json", json.dumps({"id": uuid.uuid4().hex}).encode())
            told = self.objects.read("store.json") or b""
        path, now = self.root / MIRROR, {"store": told.decode("utf-8", "replace"), "url": self.url}
        with explained(path), FileLock(self.root / "locks" / f"{MIRROR}.lock"):
            if not path.is_file():
                write_atomically(path, json.dumps({**now, "mirror": uuid.uuid4().hex}).encode())
            found = json.loads(path.read_bytes())
        if {**found, **now} != found:
            raise StoreError(f"{self.root} mirrors an earlier store at {self.url}", f"Remove it: rm -r {self.root}")
        self._mirror = str(found["mirror"])

    def bring(self, path: Path) -> bool:
        """Fetch a value, the parts of a collection, or a file."""
        name = self._name(path)
        room = {"values": self._bring_value, "collections": self._bring_parts}.get(name.split("/")[0], self._bring_file)
        with explained(path), TemporaryDirectory(dir=self.root / "tmp", ignore_cleanup_errors=True) as temporary:
            return room(path, name, Path(temporary))

    def _bring_value(self, folder: Path, name: str, temporary: Path) -> bool:
        value = temporary / "value"
        value.mkdir()
        for again in (True, False):  # it may have been damaged on its way
            if not self.objects.get(f"{name}/meta.json", value / "meta.json"):
                return False
            for file in FILES:
                self.objects.get(f"{name}/{file}", value / file)
            try:
                load(value)
                break
            except (OSError, ValueError, LookupError, TypeError) as error:
                if not again:
                    self._refuse(f"{name}/meta.json", str(error))
                    return False
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists() and not (folder / "meta.json").is_file():
            self.put_aside(folder)
        try:
            value.rename(folder)
        except OSError:
            if not (folder / "meta.json").is_file():  # else another process was first
                raise
        return True

    def _bring_parts(self, folder: Path, name: str, temporary: Path) -> bool:
        looked_for: set[str] | None = None
        vanished: set[str] = set()
        while looked_for is None or vanished - looked_for:  # what was in a dropped part is in a newer one
            looked_for = vanished
            there = self.objects.names(name)
            wanted = [part for part in there if PART.fullmatch(part) and not (folder / part).is_file()]
            if wanted:
                folder.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(THREADS) as pool:
                found = list(pool.map(partial(self._bring_part, folder, name, temporary), wanted))
            for part in (part for part, whole in zip(wanted, found, strict=True) if whole is False):
                self._refuse(f"{name}/{part}", "checksum")
            vanished = {part for part, whole in zip(wanted, found, strict=True) if whole is None}
        path = folder / "key.json"
        return path.is_file() or ("key.json" in there and self._bring_file(path, f"{name}/key.json", temporary))

    def _bring_part(self, folder: Path, name: str, temporary: Path, part: str) -> bool | None:
        """False where it is damaged, and not on its way only; None where it is no longer there."""
        for _ in range(2):
            if not self.objects.get(f"{name}/{part}", temporary / part):
                return None  # another machine has dropped it, or has found it damaged
            if checksum(temporary / part) == Path(part).stem:
                (temporary / part).replace(folder / part)
                return True
        return False

    def _bring_file(self, path: Path, name: str, temporary: Path) -> bool:
        if not self.objects.get(name, temporary / "file"):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        (temporary / "file").replace(path)
        return True

    def drop(self, path: Path) -> None:
        """Remove it here and there; other mirrors have it until they ask what is :meth:`current`."""
        super().drop(path)
        self.objects.remove(self._name(path))

    def current(self, folder: Path, paths: Iterable[Path]) -> list[Path]:
        """Those that are here and there."""
        there = set(self.objects.names(self._name(folder)))
        return [path for path in super().current(folder, paths) if path.name in there]

    def _refuse(self, name: str, why: str) -> None:
        """Remove a damaged object, so that nobody fetches it again."""
        warnings.warn(f"{self.url}/{name} is damaged ({why}); it is removed and computed again", stacklevel=6)
        self.objects.remove(name)

    def put_aside(self, path: Path) -> None:
        """A part that is damaged here is fetched again; one that was written so is removed there, too."""
        written_so = PART.fullmatch(path.name) and checksum(path) == path.stem
        super().put_aside(path)
        if written_so:
            self.objects.remove(self._name(path))

    def share(self, path: Path) -> None:
        """Put what was written; until it is done a note stays, for who opens the mirror next."""
        note = self._notes / quote(self._name(path), safe="")
        with explained(note):
            note.touch()
        self._share(path, note)

    def _share(self, path: Path, note: Path) -> None:
        if (path / "meta.json").is_file():
            if self.objects.read(f"{self._name(path)}/meta.json") is None:  # the first that is written stays
                for file in (*FILES, "meta.json"):
                    self.objects.put(f"{self._name(path)}/{file}", path / file)
        elif path.is_file():  # else it was cleared away
            self.objects.put(self._name(path), path)
            beside = path.with_name("key.json")
            if PART.fullmatch(path.name) and self._name(beside) not in self._described and beside.is_file():
                self.objects.put(self._name(beside), beside)
                self._described.add(self._name(beside))
        with explained(note):
            note.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, key: Key, shard: str = "", wait: bool = True) -> Iterator[bool]:
        """Against the other processes of this machine, and against other machines: see :mod:`harness.lease`."""
        name, told = f"{key.stage}-{key.digest}{shard}", f"{key.stage} {key.digest[:12]}"
        with super().lock(key, shard, wait) as mine:
            if not mine or key.stage in OWN:
                yield mine
                return
            lease = Lease(self.objects, name, self._watches.setdefault(name, Watch()), self._mirror)
            if not lease.take(wait, lambda: warnings.warn(f"another machine computes {told}; waiting", stacklevel=5)):
                yield False
                return
            try:
                yield True
            finally:
                lease.release()

    def checkpoint(self, key: Key) -> FileCheckpoint:
        """The unfinished state; where this machine has none, that of another, whose work goes on here."""
        path = super().checkpoint(key).path
        if not path.is_file():
            self.bring(path)
        return RemoteCheckpoint(path, self.objects, self._name(path))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()
