"""The batches of one epoch: which image is seen with which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]


def epoch_batches(
    labels: Index, sampler: str, batch_size: int, per_class: int, rng: np.random.Generator
) -> list[Index]:
    """Positions in ``labels`` [n], every image exactly once, in batches of nearly equal size and never of one.

    ``random``: any order. ``per-class``: images of a class stay together in groups of ``per_class`` or more, as far as
    the class has them; an animal with a single photograph comes alone and still serves as a negative.
    """
    order = rng.permutation(len(labels))
    if sampler == "per-class":
        order = _grouped(labels, order, per_class, rng)
    # Batch norm cannot train on one image, so a remainder is spread over the batches.
    count = max(1, min(-(-len(labels) // batch_size), len(labels) // 2))
    return np.array_split(order, count)


def _grouped(labels: Index, order: Index, per_class: int, rng: np.random.Generator) -> Index:
    by_class = order[np.argsort(labels[order], kind="stable")]
    starts = np.flatnonzero(np.diff(labels[by_class])) + 1
    groups = [
        group for rows in np.split(by_class, starts) for group in np.array_split(rows, max(1, len(rows) // per_class))
    ]
    return np.concatenate([groups[i] for i in rng.permutation(len(groups))])
