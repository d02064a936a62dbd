"""Parts of a list of pairs: what a file holds, and how many small files become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.parts import Parts, mapped
from harness.store import Arrays

IMAGES, PLACES, KEYPOINTS = "__images__", "__places__", "__keypoints__"
COLUMNS = ("count", "confidence", "inliers")
MANY = 64
"""Files of about one size that become one. A list of 68,000 then has some 200, and each pair is rewritten twice."""
SIZES = (2**18, 2**24)
"""Bytes that part small files from middling ones, and these from large ones, which stay as they are."""

Contents = Mapping[str, NDArray[Any]]


def names(part: Contents) -> NDArray[np.bytes_]:
    """The digests of a part's images."""
    letters = np.ascontiguousarray(part[IMAGES])
    return letters.view(f"S{letters.shape[1]}").ravel()


def part_of(digests: NDArray[np.bytes_], places: NDArray[Any], keypoints: NDArray[np.int32], scores: Arrays) -> Arrays:
    """What a part holds.

    Args:
        digests: of the images [m], rising.
        places: of a pair's two images among them [n, 2].
        keypoints: of the images [m].
        scores: a column [n] for each of :data:`COLUMNS`.
    """
    letters = np.ascontiguousarray(digests).view(np.uint8).reshape(len(digests), -1)
    return {IMAGES: letters, PLACES: places.astype(np.uint32), KEYPOINTS: keypoints, **scores}


def joined(parts: Sequence[Contents]) -> Arrays:
    """One part of several; of a pair that came twice, the first stays.

    Raises:
        ValueError, LookupError, TypeError: one of them is no part of a list of pairs.
    """
    digests = [names(part) for part in parts]
    images, number = np.unique(np.concatenate(digests), return_inverse=True)
    keypoints = np.empty(len(images), np.int32)
    keypoints[number] = np.concatenate([part[KEYPOINTS] for part in parts])
    starts = np.cumsum([0, *map(len, digests)])[:-1]
    both = zip(starts, parts, strict=True)
    places = np.concatenate([number[start + part[PLACES].astype(np.int64)] for start, part in both])
    _, kept = np.unique(places[:, 0] * len(images) + places[:, 1], return_index=True)
    scores = {name: np.concatenate([part[name] for part in parts])[kept] for name in COLUMNS}
    return part_of(images, places[kept], keypoints, scores)


def tidy(parts: Parts) -> None:
    """Where there are many small files, make one of them. Every pair is in some file at any time.

    One process at a time does it; others need not wait, since they would find little left to do.

    Raises:
        StoreError: the disk is full, or cannot be written.
    """
    if len(parts.seconds) < MANY:
        return
    parts.gone()  # what another process has put together is not looked at for ever
    if not _crowds(parts.seconds):
        return
    with parts.store.lock(parts.key, ".tidy", wait=False) as mine:
        if mine:
            current = parts.store.current(parts.folder, parts.seconds)
            for path in parts.seconds.keys() - set(current):  # another machine has put them together
                parts.drop(path)
            for crowd in _crowds(current):
                _join(parts, crowd)


def _join(parts: Parts, paths: Sequence[Path]) -> None:
    whole = [path for path in paths if parts.verified(path)]
    try:
        contents = [mapped(path)[0] for path in whole]
    except FileNotFoundError:  # another process has just found one damaged: all stays as it is, until the next time
        return
    new = parts.write(joined(contents), sum(parts.seconds[path] for path in whole))
    for path in whole:
        if path != new:
            parts.drop(path)


def _crowds(paths: Iterable[Path]) -> list[list[Path]]:
    """Small and middling files, where there are :data:`MANY` of them."""
    sizes = {path: _size(path) for path in paths}
    ranges = zip((1, SIZES[0]), SIZES, strict=True)
    crowds = [[path for path in sizes if low <= sizes[path] < high] for low, high in ranges]
    return [crowd for crowd in crowds if len(crowd) >= MANY]


def _size(path: Path) -> int:
    """Bytes; 0 where another process has cleared it away."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
