"""What is to be trained: batches by seed and epoch, and tasks that teach nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import TinyBackbone

from harness.errors import CellFailed
from harness.stages.task import Task, TrainSettings

LABELS = np.repeat(np.arange(6), 7)


def task(labels: Any = LABELS, sampler: str = "random", classes: int = 6, seed: int = 3, **settings: Any) -> Task:
    given: Any = TinyBackbone()
    names = np.array(labels, np.int64)
    return Task(given, given, sampler, names, classes, TrainSettings(**{"batch_size": 8, **settings}), seed)


def drawn(task: Task, epoch: int) -> NDArray[np.int64]:
    return np.concatenate(task.batches(epoch))


def test_batches_hang_on_seed_and_epoch_alone() -> None:
    assert np.array_equal(drawn(task(), 1), drawn(task(), 1))
    assert not np.array_equal(drawn(task(), 1), drawn(task(), 2))
    assert not np.array_equal(drawn(task(), 1), drawn(task(seed=4), 1))
    expected = np.random.default_rng([3, 1]).permutation(len(LABELS))
    assert np.array_equal(drawn(task(), 1), expected)


def test_batches_are_of_the_settings() -> None:
    assert [len(rows) for rows in task(batch_size=21).batches(1)] == [21, 21]
    grouped = LABELS[drawn(task(sampler="per-class", per_class=7), 1)]
    assert (grouped.reshape(6, 7) == grouped.reshape(6, 7)[:, :1]).all(), "whole classes"


@pytest.mark.parametrize(
    ("given", "problem", "advice"),
    [
        ({"classes": 5}, "label 5 is beyond the 5 classes", "from 0"),
        ({"labels": [0] * 5, "classes": 3}, r"5 training images of 1 class\(es\)", "loss none"),
        ({"labels": [0, 1, 2], "classes": 3, "sampler": "per-class"}, "no individual has two", "arcface"),
        ({"devices": 4}, "a batch of 7 images cannot be shared by 4 devices", "batch_size"),
    ],
)
def test_what_cannot_be_trained_is_named_with_advice(given: dict[str, Any], problem: str, advice: str) -> None:
    with pytest.raises(CellFailed, match=problem) as caught:
        task(**given).check()
    assert advice in caught.value.advice


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"classes": 9},
        {"labels": [0, 1], "classes": 2},
        {"labels": [0, 1, 2], "classes": 3},
        {"labels": [0, 1, 1], "classes": 2, "sampler": "per-class"},
        {"devices": 3},
    ],
    ids=["plain", "classes without an image", "two images", "no pair", "one pair", "two images a device"],
)
def test_what_can_be_trained_passes(given: dict[str, Any]) -> None:
    task(**given).check()
