"""Scalar fields that the herd is drawn from: seeded generators, smooth noise, soft edges, sampling, tapering strokes.

All arithmetic is float64 with exactly rounded operations wherever possible, so that processors that differ in the last
bit of a sine still agree on every byte of a picture.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Field = NDArray[np.float64]
"""A scalar field [h, w] or a picture [h, w, 3], float64."""


def generator(seed: int, *key: int) -> np.random.Generator:
    """A stream of random numbers for one thing (an individual's coat, one photograph), whatever else is drawn."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def smoothstep(low: ArrayLike, high: ArrayLike, value: ArrayLike) -> Field:
    """0 below ``low``, 1 above ``high``, a cubic between; ``low`` may be the larger one."""
    lo, hi = np.asarray(low, float), np.asarray(high, float)
    t = np.clip((np.asarray(value, float) - lo) / (hi - lo), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float64)


def mix(first: ArrayLike, second: ArrayLike, share: Field) -> Field:
    """Blend two colours or pictures by a field [h, w] in [0, 1]: a picture [h, w, 3]."""
    t = share[..., None]
    return np.asarray(first, float) * (1.0 - t) + np.asarray(second, float) * t


def noise(rng: np.random.Generator, shape: tuple[int, int], cell: float | tuple[float, float]) -> Field:
    """Value noise in [-1, 1], one random value every ``cell`` pixels (or (rows, columns)), smoothly interpolated."""
    cells = cell if isinstance(cell, tuple) else (cell, cell)
    ys, xs = (np.arange(n) / max(c, 1.0) for n, c in zip(shape, cells, strict=True))
    grid = rng.uniform(-1.0, 1.0, (int(ys[-1]) + 2, int(xs[-1]) + 2))
    iy, ix = ys.astype(int), xs.astype(int)
    fy, fx = smoothstep(0, 1, ys - iy)[:, None], smoothstep(0, 1, xs - ix)[None, :]
    top = grid[iy][:, ix] * (1 - fx) + grid[iy][:, ix + 1] * fx
    bottom = grid[iy + 1][:, ix] * (1 - fx) + grid[iy + 1][:, ix + 1] * fx
    return np.asarray(top * (1 - fy) + bottom * fy, dtype=np.float64)


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], cell: float | tuple[float, float], octaves: int = 4
) -> Field:
    """Noise at several scales, each half as coarse and half as strong as the one before; about [-1, 1]."""
    rows, columns = cell if isinstance(cell, tuple) else (cell, cell)
    layers = [0.5**i * noise(rng, shape, (rows * 0.5**i, columns * 0.5**i)) for i in range(octaves)]
    total: Field = np.sum(layers, axis=0)
    return total / 1.4


def sample(picture: Field, rows: Field, columns: Field) -> Field:
    """Look a picture [h, w] or [h, w, 3] up at fractional positions, bilinearly; the border goes on outside."""
    from scipy.ndimage import map_coordinates

    planes = picture[..., None] if picture.ndim == 2 else picture
    found = [map_coordinates(planes[..., c], (rows, columns), order=1, mode="nearest") for c in range(planes.shape[-1])]
    return np.asarray(found[0] if picture.ndim == 2 else np.stack(found, axis=-1), dtype=np.float64)


def blur(picture: Field, sigma: float) -> Field:
    """Gaussian blur over rows and columns."""
    from scipy.ndimage import gaussian_filter

    sigmas = (sigma, sigma) + (0.0,) * (picture.ndim - 2)
    return np.asarray(gaussian_filter(picture, sigmas, mode="nearest"), dtype=np.float64)


def stroke(cover: Field, foot: tuple[float, float], length: float, lean: float, width: float) -> None:
    """Lay a tapering, bending stroke that rises from ``foot`` = (row, column) onto a coverage field, in place.

    Args:
        cover: [h, w] in [0, 1]; give ``cover.T`` and a foot of (column, row) for a stroke that runs leftward.
        length, lean, width: rise, sideways drift at the tip, and width at the foot, in pixels.
    """
    row, column = foot
    reach = abs(lean) + width + 2
    top, bottom = max(0, math.floor(row - length)), min(cover.shape[0], math.ceil(row) + 1)
    left, right = max(0, math.floor(column - reach)), min(cover.shape[1], math.ceil(column + reach))
    if top >= bottom or left >= right:
        return
    y, x = np.arange(top, bottom)[:, None], np.arange(left, right)[None, :]
    t = np.clip((row - y) / length, 0.0, 1.0)
    inside = 0.5 * width * (1.0 - 0.85 * t) - np.abs(x - column - lean * t * t)
    patch = cover[top:bottom, left:right]
    np.maximum(patch, np.clip(inside + 0.5, 0.0, 1.0), out=patch)
