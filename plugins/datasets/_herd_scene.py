"""Places where the herd is photographed: savanna, forest, snow and rock, drawn wider than any frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ._herd_fields import Field, blur, fractal, generator, mix, noise, smoothstep, stroke

HORIZON = 0.40
"""Where the horizon lies in a place's picture, as a share of its height."""
WIDER, TALLER = 1.6, 1.4
"""Size of a place's picture in frames."""

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Biome:
    """Colours of a kind of place, RGB in [0, 1], and the tint that its light gives to an animal."""

    sky: tuple[Colour, Colour]
    hills: Colour
    ground: tuple[Colour, Colour]
    plants: Colour
    grass: tuple[Colour, Colour]
    tint: Colour


BIOMES = {
    "savanna": Biome(
        ((0.56, 0.73, 0.88), (0.96, 0.93, 0.84)), (0.62, 0.64, 0.60), ((0.82, 0.69, 0.41), (0.60, 0.49, 0.27)),
        (0.33, 0.36, 0.19), ((0.86, 0.73, 0.42), (0.55, 0.47, 0.22)), (1.04, 1.0, 0.92),
    ),
    "forest": Biome(
        ((0.55, 0.66, 0.48), (0.36, 0.47, 0.30)), (0.26, 0.36, 0.23), ((0.36, 0.37, 0.19), (0.25, 0.21, 0.13)),
        (0.21, 0.17, 0.13), ((0.40, 0.53, 0.22), (0.20, 0.30, 0.11)), (0.90, 0.98, 0.88),
    ),
    "snow": Biome(
        ((0.66, 0.76, 0.87), (0.90, 0.92, 0.94)), (0.66, 0.73, 0.80), ((0.94, 0.95, 0.97), (0.74, 0.80, 0.88)),
        (0.19, 0.27, 0.25), ((0.72, 0.66, 0.52), (0.47, 0.42, 0.33)), (0.95, 0.98, 1.05),
    ),
    "rock": Biome(
        ((0.47, 0.66, 0.87), (0.85, 0.88, 0.88)), (0.60, 0.47, 0.43), ((0.76, 0.57, 0.43), (0.55, 0.40, 0.32)),
        (0.52, 0.37, 0.30), ((0.56, 0.55, 0.30), (0.38, 0.39, 0.22)), (1.05, 0.98, 0.93),
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Place:
    """A place: its picture, RGB in [0, 1] [h, w, 3], and its biome."""

    picture: Field
    biome: Biome


@lru_cache(maxsize=32)
def place(seed: int, number: int, width: int, height: int) -> Place:
    """The place of that number, for frames of ``width`` x ``height`` pixels."""
    rng = generator(seed, 3, number)
    name = sorted(BIOMES)[number % len(BIOMES)]
    biome = BIOMES[name]
    shape = round(height * TALLER), round(width * WIDER)
    picture = _far(rng, biome, shape)
    picture = GROWTH[name](rng, biome, picture)
    return Place(_litter(rng, biome, picture), biome)


def _far(rng: np.random.Generator, biome: Biome, shape: tuple[int, int]) -> Field:
    """Sky, one or two ridges, and a ground whose texture grows coarser towards the camera."""
    h, w = shape
    rows = np.broadcast_to(np.linspace(0, 1, h)[:, None], shape)
    sky = mix(biome.sky[0], biome.sky[1], smoothstep(0, HORIZON, rows))
    picture = sky + 0.05 * fractal(rng, shape, (h / 8, w / 3))[..., None]
    for lift in (0.10, 0.04):
        ridge = HORIZON - lift * (0.5 + 0.9 * fractal(rng, (1, w), w / 3)[0])
        veil = 0.35 + 0.4 * (0.10 - lift) / 0.06
        picture = mix(picture, mix(biome.sky[1], biome.hills, np.full(shape, veil)), smoothstep(0, 0.01, rows - ridge))
    near = smoothstep(HORIZON, 1.0, rows)
    coarse, fine = fractal(rng, shape, (h / 9, w / 4)), noise(rng, shape, (2, 5))
    grain = fractal(rng, shape, (h / 30, w / 18), 3)
    share = smoothstep(-0.8, 0.8, coarse + (0.3 + 0.6 * near) * grain)
    ground = mix(biome.ground[0], biome.ground[1], share) + ((0.02 + 0.05 * near) * (fine + grain))[..., None]
    return mix(picture, ground, smoothstep(HORIZON - 0.004, HORIZON + 0.008, rows))


def _blob(
    rng: np.random.Generator, shape: tuple[int, int], centre: tuple[float, float], size: tuple[float, float]
) -> Field:
    """A ragged ellipse: coverage [h, w]; ``centre`` and half ``size`` are (row, column) in pixels."""
    y, x = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    inside = 1 - ((y - centre[0]) / size[0]) ** 2 - ((x - centre[1]) / size[1]) ** 2
    return smoothstep(-0.05, 0.25, inside + 0.55 * fractal(rng, shape, max(size[0] * 0.7, 3), 3) - 0.1)


def _leaves(rng: np.random.Generator, colour: Colour, shape: tuple[int, int]) -> Field:
    shade = 0.85 + 0.30 * fractal(rng, shape, 7, 3)
    return np.asarray(colour) * shade[..., None]


def _acacias(rng: np.random.Generator, biome: Biome, picture: Field) -> Field:
    """A few flat-topped trees and bushes along the horizon."""
    shape = picture.shape[0], picture.shape[1]
    leaves = _leaves(rng, biome.plants, shape)
    for _ in range(int(rng.integers(2, 6))):
        size = rng.uniform(0.05, 0.13) * shape[0]
        foot, column = (HORIZON + rng.uniform(0.0, 0.06)) * shape[0], rng.uniform(0, shape[1])
        trunk = np.zeros(shape)
        stroke(trunk, (foot, column), 1.7 * size, rng.uniform(-0.3, 0.3) * size, 0.22 * size)
        crown = _blob(rng, shape, (foot - 1.7 * size, column), (0.55 * size, 1.5 * size))
        bush = _blob(rng, shape, (foot, column + rng.uniform(-4, 4) * size), (0.4 * size, 0.9 * size))
        picture = mix(mix(picture, (0.26, 0.20, 0.14), 0.9 * trunk), leaves, 0.92 * np.maximum(crown, bush))
    return picture


def _trunks(rng: np.random.Generator, biome: Biome, picture: Field) -> Field:
    """Undergrowth and tree trunks, the near ones broad and dark."""
    shape = picture.shape[0], picture.shape[1]
    rows = np.broadcast_to(np.linspace(0, 1, shape[0])[:, None], shape)
    thicket = smoothstep(-0.1, 0.5, fractal(rng, shape, 22) + 1.5 * (HORIZON - np.abs(rows - HORIZON) * 4))
    picture = mix(picture, _leaves(rng, (0.24, 0.34, 0.17), shape), 0.8 * thicket)
    bark = np.asarray(biome.plants) * (1.0 + 0.35 * noise(rng, shape, (14, 2.5)))[..., None]
    for depth in np.sort(rng.uniform(0, 1, int(rng.integers(7, 14)))):
        trunk = np.zeros(shape)
        foot = (HORIZON + 0.02 + 0.16 * depth) * shape[0]
        width = (0.02 + 0.07 * depth) * shape[0]
        stroke(trunk, (foot, rng.uniform(0, shape[1])), 4.0 * shape[0], rng.normal(0, 60), width)
        picture = mix(picture, bark + 0.22 * (1 - depth) * np.array((0.8, 1.0, 0.7)), trunk)
    return picture


def _conifers(rng: np.random.Generator, biome: Biome, picture: Field) -> Field:
    """A broken line of firs under snow."""
    shape = picture.shape[0], picture.shape[1]
    y, x = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    for depth in np.sort(rng.uniform(0, 1, int(rng.integers(6, 18)))):
        tall = (0.08 + 0.24 * depth) * shape[0]
        foot, column = (HORIZON + 0.01 + 0.06 * depth) * shape[0], rng.uniform(0, shape[1])
        down = (y - foot + tall) / tall
        tiers = 0.26 * tall * down * (0.75 + 0.25 * ((down * 6) % 1.0))
        cover = smoothstep(-0.6, 0.8, tiers - np.abs(x - column) + noise(rng, shape, 3)) * ((down > 0) & (down < 1))
        white = 0.75 * smoothstep(0.45, 0.05, (down * 6) % 1.0) * smoothstep(-0.2, 0.3, noise(rng, shape, 4))
        needles = mix(
            mix(biome.plants, (0.93, 0.95, 0.98), np.broadcast_to(white, shape)),
            biome.hills,
            np.full(shape, 0.4 * (1 - depth)),
        )
        picture = mix(picture, needles, cover)
    return picture


def _boulders(rng: np.random.Generator, biome: Biome, picture: Field) -> Field:
    """Boulders lit from above, and their shadows."""
    shape = picture.shape[0], picture.shape[1]
    y = np.arange(shape[0])[:, None]
    for depth in np.sort(rng.uniform(0, 1, int(rng.integers(5, 12)))):
        size = (0.02 + 0.09 * depth) * shape[0]
        centre = (HORIZON + 0.01 + 0.30 * depth) * shape[0], rng.uniform(0, shape[1])
        stone = _blob(rng, shape, centre, (size, size * rng.uniform(1.1, 1.9)))
        light = smoothstep(size, -size, y - centre[0]) * 0.55 + 0.55 + 0.16 * fractal(rng, shape, 6, 3)
        picture = (
            picture
            * (1 - 0.35 * _blob(rng, shape, (centre[0] + 0.7 * size, centre[1]), (0.5 * size, 1.7 * size)))[..., None]
        )
        picture = mix(picture, np.asarray(biome.plants) * 1.25 * light[..., None], stone)
    return picture


GROWTH: dict[str, Callable[[np.random.Generator, Biome, Field], Field]] = {
    "savanna": _acacias,
    "forest": _trunks,
    "snow": _conifers,
    "rock": _boulders,
}


def _litter(rng: np.random.Generator, biome: Biome, picture: Field) -> Field:
    """Tufts on the ground, from the horizon to the camera."""
    shape = picture.shape[0], picture.shape[1]
    light, dark = np.zeros(shape), np.zeros(shape)
    for depth in np.sort(rng.uniform(0, 1, 70) ** 1.3):
        row, column = (HORIZON + 0.02 + (1 - HORIZON) * depth) * shape[0], rng.uniform(0, shape[1])
        for _ in range(5):
            foot = row, column + rng.normal(0, 2.5 + 3 * depth)
            length = (0.015 + 0.06 * depth) * shape[0] * rng.uniform(0.6, 1.3)
            stroke((light, dark)[int(rng.integers(2))], foot, length, rng.normal(0, 0.35) * length, 1.0 + 1.2 * depth)
    picture = mix(mix(picture, biome.grass[1], 0.8 * dark), biome.grass[0], 0.75 * light)
    return np.clip(blur(picture, 0.6), 0.0, 1.0)
