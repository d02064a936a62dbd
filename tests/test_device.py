"""Arrays that stay where they are computed with, and jobs side by side on one core each."""

from __future__ import annotations

import gc
import warnings
from threading import Event, get_ident

import numpy as np
import pytest
import torch
from pictures import random_features
from threadpoolctl import threadpool_info

from harness import PackedFeatures
from harness.device import resident, side_by_side


@pytest.fixture
def images() -> PackedFeatures:
    query = random_features(5, 8, 0)
    return PackedFeatures.of_pairs([(query, random_features(3, 8, 1))])[0]


@pytest.fixture
def two_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_block_is_sent_once_and_shares_its_memory_on_the_cpu(images: PackedFeatures) -> None:
    first = resident(images, "cpu")
    assert first["descriptors"].numpy().ctypes.data == images.descriptors.ctypes.data
    assert resident(images, "cpu") is first
    assert set(first) == {"keypoints", "descriptors", "scores", "scales", "orientations", "count", "size"}


def test_a_block_that_nobody_holds_is_let_go(images: PackedFeatures) -> None:
    from weakref import ref

    copy = PackedFeatures.of({name: getattr(images, name).copy() for name in images.__dataclass_fields__})
    resident(copy, "cpu")
    gone = ref(copy)
    del copy
    gc.collect()
    assert gone() is None


def test_arrays_that_may_only_be_read_give_no_warning(images: PackedFeatures) -> None:
    for name in images.__dataclass_fields__:
        getattr(images, name).flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(resident(images, "cpu")["scores"][0, 0]) == images.scores[0, 0]


@pytest.mark.usefixtures("two_threads")
def test_results_come_in_the_order_of_the_jobs_whichever_is_ready_first() -> None:
    second = Event()

    def work(job: int) -> int:
        if job == 0:
            assert second.wait(10), "jobs do not run beside each other"
        if job == 1:
            second.set()
        return job * job

    assert list(side_by_side(work, range(20), "cpu")) == [job * job for job in range(20)]
    assert list(side_by_side(work, [], "cpu")) == []


@pytest.mark.usefixtures("two_threads")
def test_jobs_are_drawn_as_they_are_needed() -> None:
    drawn: list[int] = []

    def jobs() -> object:
        for job in range(100):
            drawn.append(job)
            yield job

    next(iter(side_by_side(lambda job: job, jobs(), "cpu")))
    assert len(drawn) < 10


@pytest.mark.usefixtures("two_threads")
def test_each_job_has_one_core_and_the_caller_its_own_again() -> None:
    def numpys() -> set[int]:
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    before = numpys()
    found = list(side_by_side(lambda job: (torch.get_num_threads(), numpys(), get_ident()), range(4), "cpu"))
    assert all(torchs == 1 and numpy == {1} and thread != get_ident() for torchs, numpy, thread in found)
    assert torch.get_num_threads() == 2
    assert numpys() == before
    later = list(side_by_side(lambda job: torch.get_num_threads(), range(2), "cpu"))
    assert later == [1, 1]


@pytest.mark.usefixtures("two_threads")
def test_what_a_job_raises_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda job: 1 // job, range(-3, 3), "cpu"))
    assert torch.get_num_threads() == 2
    assert np.allclose(np.ones((4, 4)) @ np.ones((4, 4)), 4)
