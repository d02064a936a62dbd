"""Views of photographs with their local features, and where each keypoint lies in its photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Features, Images, Progress
from harness.errors import CellFailed
from harness.masks import Masks
from harness.matcher_training.light import relit
from harness.matcher_training.settings import ViewSettings
from harness.matcher_training.warps import Warp, drawn
from harness.packed import PackedFeatures
from harness.stages.masking import lie_on
from harness.table import ImageTable
from harness.types import Image, LocalFeatures

SOFT = 1.0
"""Deviation, in pixels, of the blur that a mask's edge gets, so that a pasted animal has no hard edge."""


@dataclass(frozen=True, eq=False)
class Views:
    """Views of photographs: the features of v views with room for K keypoints.

    ``places`` float32 [v, K, 2]: where each keypoint lies in its photograph, in pixels of that at the views' size;
    ``useful`` bool [v, K]: whether it lies on the photograph and, where there is a mask, on the animal; ``photograph``
    int64 [v]; ``individual`` int64 [v].
    """

    features: PackedFeatures
    places: NDArray[np.float32]
    useful: NDArray[np.bool_]
    photograph: NDArray[np.int64]
    individual: NDArray[np.int64]

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """From arrays as :meth:`arrays` gives them."""
        own = {name: arrays[name] for name in ("places", "useful", "photograph", "individual")}
        return cls(PackedFeatures.of(arrays), **own)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything as arrays by name, for the store."""
        own = {"places": self.places, "useful": self.useful}
        return {**self.features.arrays(), **own, "photograph": self.photograph, "individual": self.individual}


@dataclass(frozen=True, eq=False)
class Seen:
    """One view: its features and, for each of n keypoints, its place [n, 2] in the photograph and its use [n]."""

    features: LocalFeatures
    places: NDArray[np.float32]
    useful: NDArray[np.bool_]


def sampled(rows: ImageTable, settings: ViewSettings) -> ImageTable:
    """The rows that views are drawn of, in their order."""
    if len(rows) <= settings.photographs:
        return rows
    rng = np.random.default_rng([settings.seed, len(rows)])
    return rows.select(np.sort(rng.choice(len(rows), settings.photographs, replace=False)))


def views_of(
    images: Images,
    masks: Masks | None,
    individuals: NDArray[np.int64],
    extractor: Features,
    room: int,
    settings: ViewSettings,
    progress: Progress,
) -> Views:
    """Draw and describe views of every image.

    Args:
        images: the photographs.
        masks: where the animal is on each of them; None where nobody knows.
        individuals: numbers of the individuals [n].
        extractor: describes a view.
        room: most keypoints of a view.
        settings: how views are drawn.
        progress: told of each view.

    Raises:
        DataError: a photograph or mask cannot be read.
        CellFailed: nothing to draw from, or no keypoint in any view.
    """
    if not len(images):
        raise CellFailed("there are no photographs to draw views of", "Name a data set with train images.")
    progress.start(len(images) * settings.views, "view")
    seen: list[Seen] = []
    light = relit(settings.light)
    for row in range(len(images)):
        seen += _views(row, images, masks, extractor, light, settings, progress)
    if not any(len(one.features) for one in seen):
        raise CellFailed("no view has a keypoint", "Lower the features' threshold, or give larger photographs.")
    return _packed(seen, individuals, room, settings.views)


def _views(
    row: int,
    images: Images,
    masks: Masks | None,
    extractor: Features,
    light: Callable[[Image, int], Image],
    settings: ViewSettings,
    progress: Progress,
) -> Iterator[Seen]:
    rng = np.random.default_rng([settings.seed, row])
    picture = shrunk(images[row], settings.size)
    height, width = picture.shape[:2]
    animal = np.full((height, width), 255, np.uint8) if masks is None else masks.sized(row, (width, height))
    for _ in range(settings.views):
        warp = drawn(settings, rng)
        view, there = warp.picture(picture), (warp.picture(animal, reflect=False) & 128).astype(np.uint8)
        if masks is not None and rng.random() < settings.backgrounds:
            view = pasted(view, there > 0, shrunk(images[int(rng.integers(len(images)))], settings.size))
        features = extractor.extract([light(view, int(rng.integers(2**31)))])[0]
        yield _placed(features, warp, there)
        progress.advance()


def _placed(features: LocalFeatures, warp: Warp, animal: Image) -> Seen:
    height, width = animal.shape
    places = warp.pixels(features.keypoints, (width, height)).reshape(-1, 2)
    inside = ((places >= 0) & (places <= (width - 1, height - 1))).all(axis=1)
    return Seen(features, places.astype(np.float32), inside & lie_on(features.keypoints, animal))


def shrunk(image: Image, size: int) -> Image:
    """An image [h, w] or [h, w, 3] with its longest side scaled down to ``size`` pixels, never up."""
    import cv2

    scale = size / max(image.shape[:2])
    if scale >= 1:
        return image
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def pasted(view: Image, animal: NDArray[np.bool_], background: Image) -> Image:
    """The animal of a view [h, w, 3] before another photograph, which is squeezed to the view's size."""
    import cv2

    height, width = view.shape[:2]
    behind = cv2.resize(background, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    share = cv2.GaussianBlur(animal.astype(np.float32), (0, 0), SOFT)[..., None]
    mixed: Image = np.rint(share * view + (1 - share) * behind).astype(np.uint8)
    return mixed


def _packed(seen: Sequence[Seen], individuals: NDArray[np.int64], room: int, views: int) -> Views:
    dim = max(one.features.descriptors.shape[1] for one in seen if len(one.features))
    places, useful = np.zeros((len(seen), room, 2), np.float32), np.zeros((len(seen), room), np.bool_)
    for row, one in enumerate(seen):
        places[row, : len(one.places)], useful[row, : len(one.useful)] = one.places, one.useful
    photograph = np.arange(len(seen)) // views
    packed = PackedFeatures.pack([one.features for one in seen], room, dim, np.float16)
    return Views(packed, places, useful, photograph, individuals[photograph])
