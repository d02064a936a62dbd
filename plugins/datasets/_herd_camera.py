"""The camera of the herd: composes one photograph and its mask from a coat, a view and a place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ._herd_body import ANATOMIES, Surface, extent, posed, rasterise
from ._herd_coats import look_up
from ._herd_fields import Field, blur, fractal, generator, mix, noise, sample, smoothstep, stroke
from ._herd_scene import HORIZON, TALLER, WIDER, Place, place
from ._herd_view import View, view_of

if TYPE_CHECKING:
    from ._herd_plan import Shot
    from .synthetic_herd import HerdConfig

Picture = NDArray[np.uint8]


def take(config: HerdConfig, shot: Shot, coat: Field) -> tuple[Picture, Picture]:
    """One photograph: RGB uint8 [h, w, 3] and mask uint8 [h, w], 255 where the animal is seen and 0 elsewhere."""
    view = view_of(config, shot)
    width, height = config.size, config.height
    scene = place(config.seed, shot.place, width, height)
    decor = generator(config.seed, 4, *(shot.burst_of or shot.key))
    picture = _background(scene, view, height, width)
    bones = ANATOMIES[shot.pattern].bones
    turns = posed(bones, view.angles)
    x, y, pixel = _plane(view, extent(bones, turns), height, width, mirrored=shot.side == "left")
    picture = picture * (1.0 - _shadow(x, y, view))[..., None]
    cover = np.zeros((height, width))
    for far in (True, False):
        layer = tuple(b for b in bones if b.name.startswith("far-") == far)
        aside = 0.26 * np.tan(view.yaw) if far else 0.0
        surface = rasterise(layer, turns, x + aside, y - (0.035 + 0.15 * abs(view.pitch)) * far)
        alpha = np.clip(0.5 - surface.distance / pixel, 0.0, 1.0)
        colour = _lit(surface, coat, view, scene, 0.62 if far else 1.0, decor)
        picture, cover = mix(picture, colour, alpha), np.maximum(cover, alpha)
    picture, hidden = _occlude(picture, cover, scene, view, decor)
    rows = np.arange(height)[:, None] / height
    sunlit = np.maximum(cover, smoothstep(-0.02, 0.02, rows - _horizon(view)))
    exposed = _expose(picture, sunlit, view, decor, generator(config.seed, 5, *shot.key))
    return exposed, np.where(cover * (1.0 - hidden) > 0.5, 255, 0).astype(np.uint8)


def _plane(
    view: View, box: tuple[float, float, float, float], height: int, width: int, mirrored: bool
) -> tuple[Field, Field, float]:
    """(x, y) in the body's plane for each pixel, and the size of a pixel there.

    The plane is turned by yaw about its upright axis, bent into an arc, and seen in perspective: with depth
    z = x sin(yaw) + bend x^2 / 2, a point lands at X = x cos(yaw) / (1 + z / 5), Y = y / (1 + z / 5), x and y measured
    from the middle of the body. It is inverted by damped fixed-point iteration.
    """
    left, right, bottom, top = box
    c, s = float(np.cos(view.yaw)), float(np.sin(view.yaw))
    half, tall = 0.5 * (right - left), top - bottom

    def depth(x: Field) -> Field:
        return np.asarray(np.maximum(1.0 + 0.2 * (s * x + 0.5 * view.bend * x * x), 0.5))

    ends = np.array([-half, half])
    seen = ends * c / depth(ends)
    pixel = (1.0 + 2.0 * view.margin) * max(
        float(seen[1] - seen[0]) / width, tall / float(depth(0.7 * ends).min()) / height
    )
    rows, columns = np.indices((height, width), dtype=float)
    u, v = (columns - width / 2 + 0.5) * pixel, (height / 2 - rows - 0.5) * pixel
    u, v = (-u if mirrored else u) + view.shift[0], v + view.shift[1]
    u, v = u * np.cos(view.roll) - v * np.sin(view.roll), u * np.sin(view.roll) + v * np.cos(view.roll)
    u = u + 0.5 * float(seen.sum())
    x = u / c
    for _ in range(8):
        x = 0.4 * x + 0.6 * u * depth(np.clip(x, -1.3 * half, 1.3 * half)) / c
    return x + 0.5 * (left + right), v * depth(np.clip(x, -1.3 * half, 1.3 * half)) + 0.5 * (bottom + top), pixel


def _lit(surface: Surface, coat: Field, view: View, scene: Place, dim: float, rng: np.random.Generator) -> Field:
    """The coat on the body, shaded. A point that bulges towards a turned camera shows what lies further round."""
    turn, tilt = 0.55 * np.tan(np.clip(view.yaw, -0.9, 0.9)), 0.55 * np.tan(view.pitch)
    colour = look_up(coat, surface.x - turn * surface.bulge, surface.y + tilt * surface.bulge)
    down, across = np.gradient(blur(surface.bulge, 0.8))
    spacing = 0.010 * 192 / surface.x.shape[1]
    nx, ny = -across / spacing, down / spacing
    length = np.sqrt(nx * nx + ny * ny + 1.0)
    lx, ly = view.lamp
    norm = np.sqrt(lx * lx + ly * ly + 0.5)
    facing = (nx * lx + ny * ly + np.sqrt(0.5)) / (length * norm)
    light = 0.52 + 0.58 * np.maximum(facing, 0.0) + 0.10 * ny / length
    fur = 1.0 + 0.05 * noise(rng, surface.x.shape, (1.2, 3.0))
    return np.asarray(colour * np.asarray(scene.biome.tint) * (dim * light * fur)[..., None])


def _background(scene: Place, view: View, height: int, width: int) -> Field:
    """The part of the place that the frame shows: where the photographer stands decides offset and zoom."""
    across, _, zoom = view.ground
    rows, columns = np.indices((height, width), dtype=float)
    full_h, full_w = height * TALLER, width * WIDER
    top = HORIZON * full_h - _horizon(view) * height * zoom
    left = across * max(0.0, full_w - width * zoom)
    return sample(scene.picture, top + rows * zoom, left + columns * zoom)


def _horizon(view: View) -> float:
    """Row of the horizon in the frame, as a share of its height."""
    return 0.22 + 0.28 * view.ground[1]


def _shadow(x: Field, y: Field, view: View) -> Field:
    """A soft patch under the feet."""
    reach = ((x - 0.06 * view.lamp[0]) / 0.78) ** 2 + ((y - 0.035) / 0.085) ** 2
    return 0.5 * smoothstep(1.5, 0.0, reach)


def _occlude(picture: Field, cover: Field, scene: Place, view: View, rng: np.random.Generator) -> tuple[Field, Field]:
    """Grass before the feet, and where the view is occluded, tall grass or branches before the body."""
    height, width = cover.shape
    light, dark, wood = (np.zeros_like(cover) for _ in range(3))
    feet = np.flatnonzero(cover.max(axis=1) > 0.5)
    base = min(float(feet[-1]) + 3, height - 1.0) if len(feet) else height - 1.0
    tall = view.occluded * rng.uniform(0.25, 0.60) * (rng.random() < 0.6)
    centre = rng.uniform(0.1, 0.9) * width
    for i in range(50 + int(120 * (tall > 0))):
        low = i < 50
        length = height * (rng.uniform(0.03, 0.09) if low else tall * rng.uniform(0.5, 1.0))
        foot = (
            base + abs(rng.normal(0, 0.05)) * height,
            rng.uniform(0, width) if low else rng.normal(centre, 0.20 * width),
        )
        stroke((light, dark)[i % 2], foot, length, rng.normal(0, 0.22) * length, rng.uniform(1.2, 2.4) * width / 192)
    if view.occluded and not tall:
        _branches(wood, view.occluded, rng)
    glow = rng.uniform(0.85, 1.1)
    picture = mix(
        mix(picture, np.multiply(scene.biome.grass[1], glow), dark), np.multiply(scene.biome.grass[0], glow), light
    )
    return mix(picture, (0.17, 0.14, 0.10), wood), np.maximum(np.maximum(light, dark), wood)


def _branches(cover: Field, strength: float, rng: np.random.Generator) -> None:
    """A stem or two from below, and twigs that cross the frame."""
    height, width = cover.shape
    for _ in range(1 + int(rng.integers(2))):
        column = rng.uniform(0.1, 0.9) * width
        stroke(
            cover, (height + 5.0, column), 1.6 * height, rng.normal(0, 0.3) * width, (0.03 + 0.05 * strength) * width
        )
    for _ in range(int(2 + 5 * strength)):
        row, column = rng.uniform(0.1, 0.8) * height, rng.uniform(0.3, 1.0) * width
        stroke(cover.T, (column, row), rng.uniform(0.3, 0.8) * width, rng.normal(0, 0.3) * height, 0.018 * width)


def _expose(picture: Field, sunlit: Field, view: View, decor: np.random.Generator, rng: np.random.Generator) -> Picture:
    """Dappled shade on all that is ``sunlit`` [h, w], a light gradient, exposure, white balance, contrast, blur and
    sensor noise; 8 bits."""
    height, width = picture.shape[:2]
    shade = smoothstep(-0.15, 0.25, fractal(decor, (height, width), width / 7, 2))
    ramp = 1.0 + view.slope * np.linspace(-0.5, 0.5, width)[None, :]
    gain = (2.0**view.exposure) * ramp * (1.0 - 0.62 * view.dapple * (shade - 0.35) * sunlit)
    exposed = picture * np.asarray(view.balance) * gain[..., None]
    contrasted = 0.45 + (exposed - 0.45) * view.contrast
    noisy = blur(contrasted, view.sigma) + view.grain * rng.standard_normal(picture.shape)
    return np.rint(np.clip(noisy, 0.0, 1.0) * 255.0).astype(np.uint8)
