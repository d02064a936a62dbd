"""Coats of the herd: spots, stripes and reaction-diffusion, painted once per flank in canonical body coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._herd_body import ANATOMIES
from ._herd_fields import Field, mix, noise, sample, smoothstep

LEFT, RIGHT, BOTTOM, TOP = -1.25, 1.08, -0.04, 1.74
TEXELS = 116
"""Texels per body unit: a little finer than the default photographs."""
SHAPE = (round((TOP - BOTTOM) * TEXELS), round((RIGHT - LEFT) * TEXELS))
GRAIN = (164, 214)
"""Cells of the reaction-diffusion grid; a stripe of the labyrinth is five or six cells wide."""

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Palette:
    """A species' colours, RGB in [0, 1]; all its individuals share them."""

    back: Colour
    belly: Colour
    mark: Colour
    core: Colour


PALETTES = {
    "spots": Palette((0.80, 0.60, 0.33), (0.94, 0.88, 0.76), (0.13, 0.09, 0.07), (0.62, 0.39, 0.17)),
    "stripes": Palette((0.91, 0.87, 0.80), (0.95, 0.93, 0.90), (0.12, 0.105, 0.11), (0.55, 0.45, 0.36)),
    "maze": Palette((0.93, 0.82, 0.62), (0.97, 0.92, 0.82), (0.47, 0.21, 0.10), (0.66, 0.36, 0.18)),
}


@dataclass(frozen=True, eq=False)
class Dice:
    """Random numbers of one flank: its ``own`` and its ``kin``'s, which all individuals of the species share for that
    flank; ``likeness`` in [0, 1] is the share of the arrangement that comes from the kin."""

    own: np.random.Generator
    kin: np.random.Generator
    likeness: float

    def noise(self, cell: float) -> Field:
        """Noise over the coat that is partly the kin's, of the same variance whatever the likeness."""
        own, kin = noise(self.own, SHAPE, cell), noise(self.kin, SHAPE, cell)
        return math.sqrt(1 - self.likeness) * own + math.sqrt(self.likeness) * kin

    def from_kin(self, n: int) -> NDArray[np.bool_]:
        """Which of ``n`` things are the kin's."""
        return self.own.random(n) < self.likeness


def paint(pattern: str, dice: Dice) -> Field:
    """The coat of one flank of one individual: RGB in [0, 1], [*SHAPE, 3]. What differs between two individuals of a
    species is the arrangement of the marks alone, never their colours or statistics."""
    x, y = grid()
    marks, cores = PATTERNS[pattern](dice, x, y)
    palette = PALETTES[pattern]
    belly_line = {"spots": 0.52, "stripes": 0.70, "maze": 0.72}[pattern]
    base = mix(palette.back, palette.belly, smoothstep(belly_line + 0.06, belly_line - 0.14, y) * 0.8)
    return _face_and_feet(pattern, mix(mix(base, palette.core, cores), palette.mark, marks), x, y)


def grid() -> tuple[Field, Field]:
    """Canonical (x, y) of every texel, each [*SHAPE]."""
    xs = LEFT + (np.arange(SHAPE[1]) + 0.5) / TEXELS
    ys = TOP - (np.arange(SHAPE[0]) + 0.5) / TEXELS
    return np.broadcast_to(xs[None, :], SHAPE).copy(), np.broadcast_to(ys[:, None], SHAPE).copy()


def look_up(coat: Field, x: Field, y: Field) -> Field:
    """The coat's colour at canonical positions: [h, w, 3]."""
    return sample(coat, (TOP - y) * TEXELS - 0.5, (x - LEFT) * TEXELS - 0.5)


def spots(dice: Dice, x: Field, y: Field) -> tuple[Field, Field]:
    """Rosettes on the trunk and solid spots on legs, neck and head, their centres a Poisson-disc sample."""
    marks, cores = np.zeros(SHAPE), np.zeros(SHAPE)
    for cx, cy, gap, seed in _scatter(dice):
        rng = np.random.Generator(np.random.PCG64(seed))
        radius = gap * rng.uniform(0.40, 0.52)
        rows, columns = _patch(cx, cy, 1.5 * radius)
        dx, dy = x[rows, columns] - cx, y[rows, columns] - cy
        angle = np.arctan2(dy, dx)
        outline = 1.0 + sum(rng.uniform(-0.16, 0.16) * np.cos(k * angle + rng.uniform(0, 6.28)) for k in (1, 2, 3))
        reach = np.sqrt(dx * dx + dy * dy) / (radius * outline)
        disc = smoothstep(1.12, 0.88, reach)
        if gap > 0.095:
            breaks = np.cos(rng.integers(2, 5) * angle + rng.uniform(0, 6.28)) + rng.uniform(-0.1, 0.6)
            ring = disc * smoothstep(0.42, 0.62, reach) * smoothstep(-0.75, -0.35, breaks)
            np.maximum(cores[rows, columns], 0.75 * disc, out=cores[rows, columns])
        else:
            ring = disc
        np.maximum(marks[rows, columns], ring, out=marks[rows, columns])
    return marks, cores


def _scatter(dice: Dice) -> list[tuple[float, float, float, int]]:
    """(x, y, distance kept, seed of the shape) of spots by dart throwing; they are wide on the flank and small towards
    the ends. The kin's darts that an individual inherits are thrown first."""
    thrown = [
        (rng.uniform((LEFT, BOTTOM), (RIGHT, TOP), (n, 2)), rng.integers(2**31, size=n))
        for rng, n in ((dice.kin, 700), (dice.own, 2800))
    ]
    inherited = np.r_[dice.from_kin(700), np.ones(2800, bool)]
    darts, seeds = (np.concatenate(parts)[inherited] for parts in zip(*thrown, strict=True))
    flank = (
        smoothstep(0.42, 0.52, darts[:, 1]) * smoothstep(0.50, 0.38, darts[:, 0]) * smoothstep(-0.62, -0.5, darts[:, 0])
    )
    gaps = 0.066 + 0.048 * flank
    kept: list[int] = []
    landed = np.empty((len(darts), 3))
    for i, (x, y, gap) in enumerate(np.column_stack([darts, gaps])):
        near = landed[: len(kept)]
        if ((near[:, 0] - x) ** 2 + (near[:, 1] - y) ** 2 > (0.5 * (near[:, 2] + gap)) ** 2).all():
            landed[len(kept)] = x, y, gap
            kept.append(i)
    return [(float(darts[i, 0]), float(darts[i, 1]), float(gaps[i]), int(seeds[i])) for i in kept]


def _patch(cx: float, cy: float, reach: float) -> tuple[slice, slice]:
    row, column, r = (TOP - cy) * TEXELS, (cx - LEFT) * TEXELS, reach * TEXELS + 1
    return slice(max(0, int(row - r)), int(row + r) + 1), slice(max(0, int(column - r)), int(column + r) + 1)


def stripes(dice: Dice, x: Field, y: Field) -> tuple[Field, Field]:
    """A warped sinusoid, upright on the trunk, across the neck and level on the legs. A stripe forks where the phase
    has a dislocation: the sum of +-arctan2 about a few random points."""
    limb, neck = smoothstep(0.74, 0.50, y), smoothstep(0.30, 0.75, x) * smoothstep(0.85, 1.10, y)
    slope = np.where(x < 0, -0.9, 0.5)
    path = x * (1 - limb) + slope * np.maximum(0.0, 0.82 - y) * 1.25 + 0.75 * neck * (y - 0.9)
    phase = 2 * np.pi * 7.2 * path + dice.kin.uniform(0, 6.28)
    phase += 2.6 * dice.noise(42) + 1.2 * dice.noise(17)
    kin, own = (rng.uniform((-0.6, 0.45), (0.75, 1.1), (12, 2)) for rng in (dice.kin, dice.own))
    for i, (cx, cy) in enumerate(np.where(dice.from_kin(12)[:, None], kin, own)):
        phase += (-1) ** i * np.arctan2(y - cy, x - cx)
    wave = np.sin(phase) + 0.30 * dice.noise(24) + 0.10 * dice.noise(6)
    marks = smoothstep(-0.22, 0.22, wave + 0.05)
    return marks * (1 - 0.55 * smoothstep(0.73, 0.66, y) * smoothstep(0.5, 0.62, y)), np.zeros(SHAPE)


def maze(dice: Dice, x: Field, y: Field) -> tuple[Field, Field]:
    """The labyrinth that Gray and Scott's reaction-diffusion system grows from random seeds (Pearson, Complex Patterns
    in a Simple System, Science 1993), fading on face, belly and lower legs. Regions whose seeds are the kin's grow
    alike, up to their borders."""
    kin, own = (_sown(rng) for rng in (dice.kin, dice.own))
    where = noise(dice.own, GRAIN, 36)
    seeds = np.where(where < np.quantile(where, dice.likeness), kin, own) if dice.likeness > 0 else own
    grown = gray_scott(seeds, steps=1500)
    warp = 3.0 * dice.noise(40), 3.0 * dice.noise(40)
    scale = (GRAIN[0] - 1) / SHAPE[0], (GRAIN[1] - 1) / SHAPE[1]
    rows, columns = np.indices(SHAPE, dtype=float)
    level = sample(grown, rows * scale[0] + warp[0], columns * scale[1] + warp[1])
    bare = 1 - np.maximum(smoothstep(0.42, 0.30, y), smoothstep(0.66, 0.74, x) * smoothstep(1.0, 1.1, y))
    return smoothstep(0.13, 0.22, level) * bare, 0.25 * smoothstep(0.3, 0.7, dice.noise(30)) * bare


def _sown(rng: np.random.Generator) -> NDArray[np.bool_]:
    """Blocks of 4 x 4 cells at random, large enough that none dies out."""
    blocks = rng.random((GRAIN[0] // 4 + 1, GRAIN[1] // 4 + 1)) < 0.3
    return blocks.repeat(4, axis=0).repeat(4, axis=1)[: GRAIN[0], : GRAIN[1]]


def gray_scott(seeds: NDArray[np.bool_], steps: int) -> Field:
    """The second substance [h, w] after ``steps`` on a torus, grown from the cells ``seeds`` [h, w].

    Sums and products only, which every processor rounds alike, so that float32 gives the same bytes everywhere.
    """
    feed, kill = np.float32(0.037), np.float32(0.060)
    h, w = seeds.shape
    u, v = (np.empty((h + 2, w + 2), np.float32) for _ in range(2))
    v[1:-1, 1:-1] = np.where(seeds, 0.5, 0.0)
    u[...] = 1.0
    u[1:-1, 1:-1] -= v[1:-1, 1:-1]
    for _ in range(steps):
        reaction = u[1:-1, 1:-1] * v[1:-1, 1:-1] * v[1:-1, 1:-1]
        du = np.float32(0.16) * _laplacian(u) - reaction + feed * (np.float32(1) - u[1:-1, 1:-1])
        dv = np.float32(0.08) * _laplacian(v) + reaction - (feed + kill) * v[1:-1, 1:-1]
        u[1:-1, 1:-1] += du
        v[1:-1, 1:-1] += dv
    return v[1:-1, 1:-1].astype(np.float64)


def _laplacian(padded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Five-point Laplacian of the inside of ``padded``, whose border is first made to continue the other side."""
    padded[0], padded[-1], padded[:, 0], padded[:, -1] = padded[-2], padded[1], padded[:, -2], padded[:, 1]
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return around - np.float32(4) * padded[1:-1, 1:-1]


PATTERNS: dict[str, Callable[[Dice, Field, Field], tuple[Field, Field]]] = {
    "spots": spots,
    "stripes": stripes,
    "maze": maze,
}
"""Name -> painter, which returns how strongly each texel is marked, and filled with the core colour."""


def _face_and_feet(pattern: str, coat: Field, x: Field, y: Field) -> Field:
    """Eye, muzzle, hooves, mane and horns, which tell a species and never an individual."""
    body = ANATOMIES[pattern]
    dark = (0.09, 0.075, 0.07)
    hoof = 0.055 if pattern != "spots" else 0.0
    coat = mix(coat, dark, smoothstep(hoof + 0.015, hoof - 0.005, y))
    if pattern == "stripes":
        coat = mix(coat, dark, smoothstep(0.86, 0.93, x) * smoothstep(1.0, 1.04, y))
        coat = mix(coat, dark, 0.85 * smoothstep(0.60, 0.50, y) * smoothstep(-0.62, -0.65, x))
    if pattern == "maze":
        coat = mix(coat, (0.20, 0.15, 0.12), smoothstep(1.36, 1.38, y))
    nose, eye = (np.sqrt((x - p[0]) ** 2 + (y - p[1]) ** 2) for p in (body.nose, body.eye))
    coat = mix(coat, dark, 0.9 * smoothstep(0.05, 0.035, nose))
    coat = mix(coat, (0.95, 0.92, 0.85), 0.5 * smoothstep(0.034, 0.026, eye))
    coat = mix(coat, (0.02, 0.02, 0.02), smoothstep(0.024, 0.018, eye))
    return mix(
        coat,
        (0.9, 0.9, 0.9),
        smoothstep(0.008, 0.004, np.sqrt((x - body.eye[0] - 0.006) ** 2 + (y - body.eye[1] - 0.007) ** 2)),
    )
