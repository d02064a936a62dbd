"""Reading ahead: order, bounds, faults and endings, in threads and in processes alike."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from harness.errors import CellFailed, DataError
from harness.stages import reading
from harness.stages.reading import batched, read_ahead
from harness.types import Image

BOTH = pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])


class Pictures:
    """Pictures of a brightness and a height that tell their position; one may be broken, one may kill its reader."""

    def __init__(self, count: int, broken: int = -1, deadly: int = -1) -> None:
        self.count, self.broken, self.deadly = count, broken, deadly
        self.read: list[int] = []
        self.readers: set[tuple[int, int]] = set()

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> Image:
        self.read.append(index)
        if index == self.broken:
            raise DataError(f"image {index}.jpg cannot be decoded", "Replace the file.")
        if index == self.deadly:
            os._exit(3)
        return np.full((2 + index % 5, 3, 3), index, np.uint8)


@BOTH
@pytest.mark.parametrize("ahead", [1, 7, 64])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_image_comes_in_order_with_its_own_size(processes: bool, ahead: int, workers: int) -> None:
    found = list(read_ahead(Pictures(45), ahead, workers, processes))
    assert [int(image[0, 0, 0]) for image in found] == list(range(45))
    assert [image.shape for image in found] == [(2 + i % 5, 3, 3) for i in range(45)]


@BOTH
def test_no_image_at_all(processes: bool) -> None:
    assert list(read_ahead(Pictures(0), 4, 2, processes)) == []


@BOTH
@pytest.mark.parametrize("broken", [0, 9, 16])
def test_a_broken_image_is_named_after_those_before_it(processes: bool, broken: int) -> None:
    images = read_ahead(Pictures(30, broken), 8, 2, processes)
    for row in range(broken):
        assert next(images)[0, 0, 0] == row
    with pytest.raises(DataError) as caught:
        next(images)
    assert caught.value.problem == f"image {broken}.jpg cannot be decoded"
    assert caught.value.advice == "Replace the file."
    assert multiprocessing.active_children() == []


def test_threads_read_no_further_than_they_may() -> None:
    pictures = Pictures(1000)
    images = read_ahead(pictures, 8, 3, processes=False)
    for _ in range(5):
        next(images)
    images.close()  # type: ignore[attr-defined]
    assert max(pictures.read) <= 5 + 8


@BOTH
def test_readers_end_with_their_consumer(processes: bool) -> None:
    def interrupted(images: Iterator[Image]) -> None:
        for _ in images:
            assert not processes or len(multiprocessing.active_children()) == 2
            raise KeyboardInterrupt

    images = read_ahead(Pictures(1000), 8, 2, processes)
    with pytest.raises(KeyboardInterrupt):
        interrupted(images)
    images.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_a_process_that_dies_is_told() -> None:
    with pytest.raises(CellFailed, match="a process that reads photographs died"):
        list(read_ahead(Pictures(30, deadly=12), 8, 2, processes=True))
    assert multiprocessing.active_children() == []


@BOTH
def test_the_callers_random_state_is_kept(processes: bool) -> None:
    before = torch.get_rng_state()
    list(read_ahead(Pictures(10), 4, 2, processes))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("cores", "workers", "images", "processes"),
    [(2, 0, 9000, False), (8, 0, 9000, True), (8, 0, 20, False), (8, 2, 9000, False), (2, 8, 9000, True)],
)
def test_processes_read_where_images_and_workers_are_many(
    cores: int, workers: int, images: int, processes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "cores", lambda: cores)
    monkeypatch.setattr(reading, "_by_processes", lambda images, ahead, count: ("processes", count))
    monkeypatch.setattr(reading, "_by_threads", lambda images, ahead, count: ("threads", count))
    chosen = read_ahead(Pictures(images), 8, workers)
    assert chosen == ("processes" if processes else "threads", workers or cores)


def test_batches_are_full_but_for_the_last() -> None:
    images = (np.full((1, 1, 3), i, np.uint8) for i in range(7))
    assert [[int(image[0, 0, 0]) for image in part] for part in batched(images, 3)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_processes_read_about_as_far_ahead_as_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(reading, "_chunks", lambda images, ahead, count: iter(asked.append(ahead) or ()))
    for ahead, workers in ((1, 2), (64, 2), (64, 4), (100, 2)):
        assert list(read_ahead(Pictures(5), ahead, workers, processes=True)) == []
    assert asked == [2, 4, 2, 7], "chunks of 8 for each worker, two at least"


class Deaf(Pictures):
    """Pictures that are white where their reader ignores Ctrl-C."""

    def __getitem__(self, index: int, /) -> Image:
        deaf = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        return np.full((1, 1, 3), 255 * deaf, np.uint8)


def test_processes_that_read_leave_ctrl_c_to_their_consumer() -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it
    try:
        assert [int(image[0, 0, 0]) for image in read_ahead(Deaf(3), 4, 1, processes=True)] == [255] * 3
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
        reading._leave_interrupts(0)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [("worker (pid 3) exited unexpectedly", CellFailed, "pid 3"), ("out of tensors", RuntimeError, "out of tensors")],
)
def test_only_the_death_of_a_reader_is_told_as_one(fault: str, kind: type[Exception], told: str) -> None:
    def chunks() -> Iterator[list[Image]]:
        raise RuntimeError(fault)
        yield []

    with pytest.raises(kind, match=told) as caught:
        reading._next(chunks())
    assert not isinstance(caught.value, CellFailed) or "memory" in caught.value.advice


@pytest.mark.parametrize(
    ("cores", "images", "kind", "count"),
    [(4, 2000, "processes", 4), (3, 2000, "threads", 3), (4, 1999, "threads", 4), (99, 9, "threads", 16)],
)
def test_readers_are_as_many_as_the_cores_up_to_a_bound_where_nothing_is_said(
    cores: int, images: int, kind: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "cores", lambda: cores)
    monkeypatch.setattr(reading, "_by_processes", lambda images, ahead, count: ("processes", count))
    monkeypatch.setattr(reading, "_by_threads", lambda images, ahead, count: ("threads", count))
    assert read_ahead(Pictures(images), 8) == (kind, count)
