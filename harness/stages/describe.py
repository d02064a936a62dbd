"""The stage ``describe``: local features of each photograph, and how they are packed into arrays."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Features, Images, Progress
from harness.errors import PluginError
from harness.types import Image, LocalFeatures

READERS = 2
"""Threads that decode photographs; decoders let go of the interpreter lock."""

AHEAD = 2
"""Batches that are decoded ahead of the extractor."""

COLUMNS = ("scores", "scales", "orientations")


def describe(features: Features, images: Images, batch: int, progress: Progress) -> Iterator[list[LocalFeatures]]:
    """Yield the local features of ``images`` in their order, ``batch`` at a time; the next ones are decoded meanwhile.

    Raises:
        PluginError: the extractor gives a wrong number of results, or a wrong image size.
        DataError: a photograph cannot be read.
    """
    progress.start(len(images), "images")
    for pictures in _decoded(images, batch):
        described = features.extract(pictures)
        _check(described, pictures)
        progress.advance(len(pictures))
        yield described


def _decoded(images: Images, batch: int) -> Iterator[list[Image]]:
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="decode")
    waiting: deque[list[Future[Image]]] = deque()
    try:
        for start in range(0, len(images), batch):
            rows = range(start, min(start + batch, len(images)))
            waiting.append([pool.submit(images.__getitem__, row) for row in rows])
            if len(waiting) > AHEAD:
                yield [future.result() for future in waiting.popleft()]
        while waiting:
            yield [future.result() for future in waiting.popleft()]
    finally:
        pool.shutdown(cancel_futures=True)


def _check(described: Sequence[LocalFeatures], pictures: Sequence[Image]) -> None:
    if len(described) != len(pictures):
        raise PluginError(
            f"the extractor described {len(described)} of {len(pictures)} images", "Return one LocalFeatures an image."
        )
    for found, picture in zip(described, pictures, strict=True):
        height, width = picture.shape[:2]
        if tuple(found.size) != (width, height):
            raise PluginError(
                f"the extractor reports the size {found.size} for an image of width {width} and height {height}",
                "Report LocalFeatures.size as (width, height).",
            )


def pack(features: Sequence[LocalFeatures], max_keypoints: int, dim: int) -> dict[str, NDArray[Any]]:
    """Pack the features of n images into arrays of a fixed count K = ``max_keypoints``, zeros behind the last one.

    Keys: ``keypoints`` float32 [n, K, 2], ``descriptors`` float16 [n, K, dim], ``scores``, ``scales`` and
    ``orientations`` float32 [n, K], ``count`` int32 [n], ``size`` int32 [n, 2] (width, height).

    Raises:
        PluginError: more keypoints than K, descriptors of another length, or too large for float16.
    """
    n = len(features)
    arrays: dict[str, NDArray[Any]] = {
        "keypoints": np.zeros((n, max_keypoints, 2), np.float32),
        "descriptors": np.zeros((n, max_keypoints, dim), np.float16),
        **{name: np.zeros((n, max_keypoints), np.float32) for name in COLUMNS},
        "count": np.array([len(f) for f in features], np.int32),
        "size": np.array([f.size for f in features], np.int32).reshape(n, 2),
    }
    for row, found in enumerate(features):
        _check_room(found, max_keypoints, dim)
        arrays["keypoints"][row, : len(found)] = found.keypoints
        arrays["descriptors"][row, : len(found)] = found.descriptors
        for name in COLUMNS:
            arrays[name][row, : len(found)] = getattr(found, name)
    return arrays


def _check_room(found: LocalFeatures, max_keypoints: int, dim: int) -> None:
    if len(found) > max_keypoints:
        raise PluginError(
            f"the extractor gave {len(found)} keypoints where max_keypoints is {max_keypoints}",
            "Keep the max_keypoints strongest ones.",
        )
    if not len(found):
        return
    if found.descriptors.shape[1] != dim:
        raise PluginError(
            f"the extractor gave descriptors of length {found.descriptors.shape[1]}, its spec declares dim={dim}",
            "Declare FeaturesSpec.dim as the length of a descriptor.",
        )
    if np.abs(found.descriptors).max() > np.finfo(np.float16).max:
        raise PluginError("the extractor gave descriptors too large for half precision", "Scale them to unit norm.")


def unpack(arrays: Mapping[str, NDArray[Any]], row: int) -> LocalFeatures:
    """The features of one image out of :func:`pack`'s arrays; descriptors keep their rounding to half precision.

    Matching always goes by these, so that it does not matter whether features came from the store.
    """
    count = int(arrays["count"][row])
    width, height = arrays["size"][row]
    return LocalFeatures(
        keypoints=arrays["keypoints"][row, :count].astype(np.float32),
        descriptors=arrays["descriptors"][row, :count].astype(np.float32),
        scores=arrays["scores"][row, :count].astype(np.float32),
        scales=arrays["scales"][row, :count].astype(np.float32),
        orientations=arrays["orientations"][row, :count].astype(np.float32),
        size=(int(width), int(height)),
    )
