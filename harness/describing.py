"""Describing photographs that are missing in the store, kept to the animal where the features ask for that."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from harness.choice import Choice
from harness.contracts import Images, Progress
from harness.global_stages import photographs
from harness.masks import Masks
from harness.specs import FeaturesSpec
from harness.stages.describe import describe, pack
from harness.stages.masking import SPARE, Blanked, on_animal
from harness.table import ImageTable
from harness.types import LocalFeatures
from harness.workbench import Rows

BATCH = 16
"""Photographs of full size that are described together; as many lie ready, a gigabyte in all for 12 MP."""


def describe_missing(
    features: Choice, table: ImageTable, missing: list[str], masks: Masks | None, progress: Progress
) -> Rows:
    """Digests and packed features of the photographs with these digests; ``masks`` of the table, None for none.

    Where several rows have one content, the last one stands for them.
    """
    assert isinstance(features.spec, FeaturesSpec)
    config: Any = features.config
    places = {name: row for row, name in enumerate(table.digest.tolist())}
    rows = [places[name] for name in missing]
    images, start, empty = photographs(table.select(rows)), 0, 0
    for batch in described(features, images, masks.select(rows) if masks else None, progress):
        yield missing[start : start + len(batch)], pack(batch, config.max_keypoints, features.spec.dim).arrays()
        start += len(batch)
        empty += sum(not len(found) for found in batch)
    if masks and empty:
        problem = f"{empty} of {len(missing)} photographs have no keypoint on the animal for {features.label}"
        warnings.warn(f"{problem}: their masks are empty, or nothing is found there", stacklevel=2)


def described(
    features: Choice, images: Images, masks: Masks | None, progress: Progress
) -> Iterator[list[LocalFeatures]]:
    """Local features of images by the batch; ``masks`` has their masks at the same places, None for none."""
    config: Any = features.config
    if masks is None:
        yield from describe(features.build(), images, BATCH, progress)
    elif config.mask == "pixels":
        yield from describe(features.build(), Blanked(images, masks.sized), BATCH, progress)
    else:
        yield from _kept(features, images, masks, progress)


def _kept(features: Choice, images: Images, masks: Masks, progress: Progress) -> Iterator[list[LocalFeatures]]:
    """Of more keypoints than are wanted, the strongest on the animal."""
    config: Any = features.config
    limit, start = config.max_keypoints, 0
    generous = replace(features, config=config.model_copy(update={"max_keypoints": SPARE * limit}))
    for batch in describe(generous.build(), images, BATCH, progress):
        own = masks.batch(range(start, start + len(batch)), [found.size for found in batch])
        yield [on_animal(found, mask, limit) for found, mask in zip(batch, own, strict=True)]
        start += len(batch)
