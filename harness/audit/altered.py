"""A photograph in five versions, with or without its animal and its background: what does a system look at?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.stages.masking import GREY, blanked
from harness.types import Floats, Image

VERSIONS = ("original", "animal hidden", "background hidden", "background blurred", "background replaced")
ORIGINAL, ANIMAL_HIDDEN, BACKGROUND_HIDDEN, BACKGROUND_BLURRED, BACKGROUND_REPLACED = VERSIONS

MARGIN = 0.02
"""Share of the longest side by which a mask is grown before the animal is taken out, so that none of its outline stays
where a mask is a little too tight."""
BLUR = 0.05
"""Deviation of the blur as a share of the longest side: places are told apart by colour at most."""
Mask = NDArray[np.uint8]


def altered(version: str, image: Image, mask: Mask, other: Image | None = None) -> Image:
    """A version of a photograph [h, w, 3] whose animal is where ``mask`` [h, w] is not 0.

    Args:
        other: for ``background replaced``, the background to put behind the animal; it is stretched to [h, w].

    Raises:
        ValueError: no such version, or ``background replaced`` without a background.
    """
    if version == ORIGINAL:
        return image
    if version == ANIMAL_HIDDEN:
        return without_animal(image, mask)
    if version == BACKGROUND_HIDDEN:
        return blanked(image, mask)
    if version == BACKGROUND_BLURRED:
        return _before(image, mask, _blurred(without_animal(image, mask)))
    if version == BACKGROUND_REPLACED and other is not None:
        return _before(image, mask, _stretched(other, image))
    raise ValueError(f"no version {version!r} of a picture, or no background for it")


def tells_apart(mask: Mask) -> bool:
    """Whether a photograph shows an animal and, at some distance from it, a background."""
    return bool(mask.any() and not _grown(mask).all())


def without_animal(image: Image, mask: Mask) -> Image:
    """The photograph with its animal, and a margin round it, filled from what surrounds it.

    The fill runs smoothly from the edge inward by pull-push (Gortler et al., The Lumigraph, SIGGRAPH 1996): no outline
    in one colour, which would still be the animal's shape, and none of the streaks that inpainting from the edge draws,
    which have corners of their own. No pixel of the animal enters it.
    """
    hidden = _grown(mask)
    if hidden.all():
        return np.full_like(image, GREY)
    seen = (~hidden).astype(np.float32)
    filled = _filled(image * seen[..., None], seen)
    return np.where(hidden[..., None], np.rint(filled), image).astype(np.uint8)


def _grown(mask: Mask) -> NDArray[np.bool_]:
    import cv2

    margin = max(1, round(MARGIN * max(mask.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    return np.asarray(cv2.dilate((mask > 0).astype(np.uint8), disc) > 0)


def _filled(colours: Floats, weights: Floats) -> Floats:
    """Colours [h, w, 3], each times its weight in ``weights`` [h, w], made up to weight 1 from ever coarser levels."""
    import cv2

    height, width = weights.shape
    if max(height, width) == 1:
        return colours / weights[..., None]
    coarse = _filled(*(np.asarray(cv2.pyrDown(level), np.float32) for level in (colours, weights)))
    smooth = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    return colours + (1 - weights)[..., None] * smooth


def _before(image: Image, mask: Mask, background: Image) -> Image:
    """The animal of ``image`` before a background."""
    return np.where(mask[..., None] > 0, image, background)


def _blurred(image: Image) -> Image:
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), BLUR * max(image.shape[:2])), np.uint8)


def _stretched(image: Image, like: Image) -> Image:
    import cv2

    height, width = like.shape[:2]
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
