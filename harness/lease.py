"""Leases on objects: the right of one machine at a time to do something, whatever the clocks say."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Callable

from harness.errors import StoreError
from harness.objects import Objects

HEARTBEAT, TTL = 10.0, 60.0
"""Seconds between two signs of life of a holder, and those without one after which it counts as dead."""


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
