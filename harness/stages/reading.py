"""Photographs read ahead of their use: in order, in bounded memory, by threads or by processes."""

from __future__ import annotations

import math
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

from harness.contracts import Images
from harness.device import cores
from harness.errors import CellFailed, HarnessError
from harness.types import Image

MOST = 16
"""Workers, at most, where their number is left open."""
CORES, MANY = 4, 2000
"""Cores and images from which on processes are worth their start: a decoder lets go of the interpreter for half of its
time only, so that beyond two or three threads more of them wait for each other."""
CHUNK = 8
"""Images that a process hands over at a time."""


def read_ahead(images: Images, ahead: int, workers: int = 0, processes: bool | None = None) -> Iterator[Image]:
    """Every image in order; about ``ahead`` of the next ones are read while the last is used.

    Args:
        images: read by position, in another thread or process.
        ahead: images that may lie ready; memory is bounded by them and one more for each worker.
        workers: how many read; 0 for one a core and at most :data:`MOST`.
        processes: whether processes read, not threads; None for processes where images and workers are many.

    Raises:
        DataError: an image cannot be read; those before it have been given.
        CellFailed: a process that reads died.
    """
    count = workers or min(MOST, cores())
    if processes is None:
        processes = count >= CORES and len(images) >= MANY
    return _by_processes(images, ahead, count) if processes else _by_threads(images, ahead, count)


def batched(images: Iterator[Image], batch: int) -> Iterator[list[Image]]:
    """``batch`` images at a time, the last ones fewer."""
    while pictures := list(islice(images, batch)):
        yield pictures


def _by_threads(images: Images, ahead: int, count: int) -> Iterator[Image]:
    pool = ThreadPoolExecutor(count, thread_name_prefix="decode")
    waiting: deque[Future[Image]] = deque()
    try:
        for row in range(len(images)):
            waiting.append(pool.submit(images.__getitem__, row))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _by_processes(images: Images, ahead: int, count: int) -> Iterator[Image]:
    chunks = _chunks(images, max(2, math.ceil(ahead / (CHUNK * count))), count)
    try:
        while found := _next(chunks):
            for image in found:
                if isinstance(image, HarnessError):
                    raise image
                yield image
    finally:
        del chunks  # its last reference: the processes end here, and not when some traceback is forgotten


class _Readable:
    """Images as a process sends them: an error goes in its image's place, or torch would wrap it in a traceback."""

    def __init__(self, images: Images) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Image | HarnessError:
        try:
            return self.images[index]
        except HarnessError as error:
            return error


def _chunks(images: Images, ahead: int, count: int) -> Iterator[Sequence[Image | HarnessError]]:
    from torch import Generator
    from torch.utils.data import DataLoader

    # Numpy arrays go through a pipe. Tensors would go through shared memory, of which a container has little.
    return iter(
        DataLoader(
            _Readable(images),  # type: ignore[arg-type]
            batch_size=CHUNK,
            num_workers=count,
            prefetch_factor=ahead,
            collate_fn=list,
            worker_init_fn=_leave_interrupts,
            generator=Generator(),  # the caller's random state is not touched
        )
    )


def _leave_interrupts(worker: int) -> None:
    """Ctrl-C is the reader's to handle: it ends its processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _next(chunks: Iterator[Sequence[Image | HarnessError]]) -> Sequence[Image | HarnessError]:
    try:
        return next(chunks, [])
    except RuntimeError as error:
        if "exited unexpectedly" not in str(error):
            raise
        raise CellFailed(f"a process that reads photographs died ({error})", "Is the memory full?") from error
