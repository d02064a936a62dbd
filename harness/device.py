"""Arrays on the device that computes, each uploaded once, and work on several of its cores side by side."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from harness.packed import PackedFeatures

if TYPE_CHECKING:
    from torch import Tensor

Job = TypeVar("Job")
Result = TypeVar("Result")

CARD_THREADS = 4
"""Batches that are under way for a card: the processor finishes one while the card computes the next."""

BLOCK_BYTES = 1 << 30
"""Features of images that are matched with each other and lie in memory together; the next block is read meanwhile."""

_RESIDENT: WeakKeyDictionary[PackedFeatures, dict[str, dict[str, Tensor]]] = WeakKeyDictionary()


def resident(images: PackedFeatures, device: str) -> dict[str, Tensor]:
    """The arrays of ``images`` as tensors by field name; on a card they stay as long as ``images`` lives.

    On the CPU they share the arrays' memory. To a card they go from pinned memory, beside what it computes.
    """
    copies = _RESIDENT.setdefault(images, {})
    if device not in copies:
        copies[device] = {field.name: _sent(images, field.name, device) for field in fields(images)}
    return copies[device]


def cores() -> int:
    """Cores that this process may use, which a batch system may have limited."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def room(device: str) -> int:
    """Bytes of features that may lie in memory at once: on a card half of what is free there."""
    if device == "cpu":
        return BLOCK_BYTES
    import torch

    return int(torch.cuda.mem_get_info()[0] // 2)


def side_by_side(work: Callable[[Job], Result], jobs: Iterable[Job], device: str) -> Iterator[Result]:
    """The results of ``work(job)`` in the order of the jobs, several of them computed at a time.

    On the CPU as many as torch has threads, and each job has one core to itself: whole jobs side by side need not wait
    for each other at every layer, as the threads inside a product do. Jobs are drawn as they are needed.
    """
    import torch

    threads = torch.get_num_threads()
    at_once = threads if device == "cpu" else min(threads, CARD_THREADS)
    with _one_core_each(threads), ThreadPoolExecutor(at_once, "side", torch.set_num_threads, (1,)) as pool:
        waiting: deque[Future[Result]] = deque()
        for job in jobs:
            waiting.append(pool.submit(work, job))
            if len(waiting) > at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _one_core_each(threads: int) -> Iterator[None]:
    import torch

    try:
        with _libraries().limit(limits=1, user_api="blas"):  # numpy's products
            yield
    finally:
        torch.set_num_threads(threads)  # what a thread sets for itself is also taken by threads that start later


@lru_cache(maxsize=1)
def _libraries() -> Any:
    import numpy.linalg  # noqa: F401  its library is to be among those found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _sent(images: PackedFeatures, name: str, device: str) -> Tensor:
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nor does anything write to it
        tensor = torch.from_numpy(getattr(images, name))
    return tensor if device == "cpu" else tensor.pin_memory().to(device, non_blocking=True)
