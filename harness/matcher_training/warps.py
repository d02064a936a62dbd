"""Warps: a random homography behind a thin-plate bend, known at every point."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.matcher_training.settings import ViewSettings
from harness.types import Image

Points = NDArray[np.float64]
GRID = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 4)] * 2), axis=-1).reshape(-1, 2)
"""Where the thin-plate bend is fixed: 4 x 4 points of the unit square around the centre."""

STEP = 4
"""Pixels between the places that a view is computed for exactly."""


@dataclass(frozen=True, eq=False)
class Warp:
    """From a place in a view to the place in the photograph that is seen there.

    Both in units of the photograph's long side, from its centre. ``homography`` [3, 3] is applied after the bend
    (Bookstein 1989), which moves the points of :data:`GRID` by ``moves`` [16, 2].
    """

    homography: NDArray[np.float64]
    moves: Points

    def __call__(self, points: Points) -> Points:
        """Places [n, 2] in the photograph of places in the view."""
        bent = np.concatenate([_bent(points, self.moves), np.ones((len(points), 1))], axis=1) @ self.homography.T
        places: Points = bent[:, :2] / bent[:, 2:]
        return places

    def pixels(self, points: NDArray[np.floating], size: tuple[int, int]) -> Points:
        """The same for (x, y) in pixels of a photograph and view of (width, height) ``size``."""
        centre, long = (np.array(size) - 1) / 2, max(size)
        return self((np.asarray(points, np.float64) - centre) / long) * long + centre

    def picture(self, image: Image, *, reflect: bool = True) -> Image:
        """The view of an image [h, w] or [h, w, 3]; off the photograph it is mirrored, or else zero."""
        import cv2

        source = self._sources(image.shape[1], image.shape[0])
        border = cv2.BORDER_REFLECT_101 if reflect else cv2.BORDER_CONSTANT
        view = cv2.remap(image, source[..., 0], source[..., 1], cv2.INTER_LINEAR, borderMode=border)
        return np.asarray(view, np.uint8)

    def _sources(self, width: int, height: int) -> NDArray[np.float32]:
        """Where each pixel comes from [height, width, 2]: :meth:`pixels` at every :data:`STEP`-th one, linear between,
        which is wrong by some hundredths of a pixel."""
        import cv2

        columns, rows = (np.arange(0, side + STEP, STEP) for side in (width, height))
        places = np.stack(np.meshgrid(columns, rows), axis=-1)
        known = (
            self.pixels(places.reshape(-1, 2).astype(np.float64), (width, height))
            .astype(np.float32)
            .reshape(places.shape)
        )
        x, y = np.meshgrid(np.arange(width, dtype=np.float32) / STEP, np.arange(height, dtype=np.float32) / STEP)
        return np.asarray(cv2.remap(known, x, y, cv2.INTER_LINEAR), np.float32)


def drawn(settings: ViewSettings, rng: np.random.Generator) -> Warp:
    """A random warp."""
    angle = math.radians(rng.uniform(-settings.rotation, settings.rotation))
    scale = math.exp(rng.uniform(-1, 1) * math.log(settings.scale))
    cos, sin = math.cos(angle) / scale, math.sin(angle) / scale
    shift = rng.uniform(-0.1, 0.1, 2)
    lean = rng.uniform(-settings.perspective, settings.perspective, 2)
    homography = np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]], [*lean, 1.0]])
    return Warp(homography, rng.normal(0, settings.bend, GRID.shape))


def _bent(points: Points, moves: Points) -> Points:
    from scipy.interpolate import RBFInterpolator

    bent: Points = RBFInterpolator(GRID, GRID + moves, kernel="thin_plate_spline")(points)
    return bent
