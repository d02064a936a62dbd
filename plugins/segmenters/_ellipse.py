"""What is taken for the animal where a segmenter finds none: most photographs of one animal have it in the middle."""

from __future__ import annotations

import numpy as np

from harness.types import Image


def central_ellipse(height: int, width: int, margin: float) -> Image:
    """A mask uint8 [height, width]: 255 inside the ellipse that leaves ``margin`` of a side free at each end."""
    y, x = (np.abs(np.arange(side) + 0.5 - side / 2) / (side * (0.5 - margin)) for side in (height, width))
    return np.where(y[:, None] ** 2 + x**2 <= 1, 255, 0).astype(np.uint8)
