"""Batches of an epoch: every image once, classes in groups, and the order that was drawn."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from harness.stages.sampling import epoch_batches

LABELS = np.random.default_rng(1).permutation(np.repeat(np.arange(30), [9] * 10 + [3] * 10 + [1] * 10))


@pytest.mark.parametrize("per_class", [2, 4])
def test_images_of_a_class_stand_in_groups_of_per_class_or_more(per_class: int) -> None:
    batches = epoch_batches(LABELS, "per-class", 12, per_class, np.random.default_rng(0))
    asked = LABELS[np.concatenate(batches)]
    runs = [(label, len(list(images))) for label, images in groupby(asked.tolist())]
    assert all(length >= min(per_class, int(np.equal(LABELS, label).sum())) for label, length in runs)
    assert len({label for label, _ in runs}) < len(runs), "and a class of many is in several"


@pytest.mark.parametrize("sampler", ["random", "per-class"])
def test_the_order_is_the_one_that_was_drawn(sampler: str) -> None:
    drawn = np.random.default_rng(5).permutation(len(LABELS))
    found = np.concatenate(epoch_batches(LABELS, sampler, 12, 100, np.random.default_rng(5)))
    classes = [LABELS >= 0] if sampler == "random" else [np.equal(LABELS, label) for label in range(30)]
    for images in classes:
        assert found[images[found]].tolist() == drawn[images[drawn]].tolist()


def test_batches_are_as_many_as_it_takes_and_of_nearly_equal_size() -> None:
    for images, size, expected in ((13, 4, [4, 3, 3, 3]), (12, 4, [4, 4, 4]), (3, 2, [3]), (5, 2, [3, 2]), (1, 4, [1])):
        batches = epoch_batches(np.zeros(images, np.int64), "random", size, 4, np.random.default_rng(0))
        assert [len(rows) for rows in batches] == expected
