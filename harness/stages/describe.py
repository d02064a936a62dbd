"""The stage ``describe``: local features of each photograph, and how they are packed into arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from harness.contracts import Features, Images, Progress
from harness.errors import PluginError
from harness.packed import PackedFeatures
from harness.stages.reading import batched, read_ahead
from harness.types import Image, LocalFeatures


def describe(features: Features, images: Images, batch: int, progress: Progress) -> Iterator[list[LocalFeatures]]:
    """Yield the local features of ``images`` in their order, ``batch`` at a time; the next ones are decoded meanwhile.

    Raises:
        PluginError: the extractor gives a wrong number of results, or a wrong image size.
        DataError: a photograph cannot be read.
    """
    progress.start(len(images), "images")
    for pictures in batched(read_ahead(images, batch), batch):
        described = features.extract(pictures)
        _check(described, pictures)
        progress.advance(len(pictures))
        yield described


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


def pack(features: Sequence[LocalFeatures], max_keypoints: int, dim: int) -> PackedFeatures:
    """The features of n images in arrays of a fixed count K = ``max_keypoints``, their descriptors float16.

    Raises:
        PluginError: more keypoints than K, descriptors of another length, or too large for float16.
    """
    for found in features:
        _check_room(found, max_keypoints, dim)
    return PackedFeatures.pack(features, max_keypoints, dim, np.float16)


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
