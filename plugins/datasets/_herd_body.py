"""Bodies of the herd: three anatomies made of tapering bones, posed by joint angles and rasterised by smooth union.

A bone is a capsule in *canonical* coordinates: the animal in side view, head to the right, ground at y = 0, lengths in
units of about one trunk. Posing turns each bone about its joint; a pixel is carried back to canonical coordinates by
the blended inverse of the bones near it (linear blend skinning), and that is where the coat is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ._herd_fields import Field

BLEND = 0.028
"""Width over which two bones melt into each other, in body units."""


@dataclass(frozen=True)
class Bone:
    """A capsule from ``a`` (its joint) to ``b``, of radius ``ra`` to ``rb``, turning with its parent."""

    name: str
    parent: str
    a: tuple[float, float]
    b: tuple[float, float]
    ra: float
    rb: float


@dataclass(frozen=True)
class Anatomy:
    """A species' body: its bones, parents before children, and where its face is."""

    bones: tuple[Bone, ...]
    eye: tuple[float, float]
    nose: tuple[float, float]
    stance: tuple[float, float]
    """How far the neck may swing (up, down), in radians."""


@dataclass(frozen=True, eq=False)
class Surface:
    """What a pixel sees: signed distance to the outline (negative inside), canonical x and y, and the bulge towards
    the camera; each [h, w], in body units."""

    distance: Field
    x: Field
    y: Field
    bulge: Field


def _chain(name: str, parent: str, points: Sequence[tuple[float, float]], radii: Sequence[float]) -> list[Bone]:
    """Bones through ``points``, named ``name``, ``name2``, ..., each the parent of the next."""
    names = [name] + [f"{name}{i}" for i in range(2, len(points))]
    parents = [parent, *names]
    return [Bone(n, parents[i], points[i], points[i + 1], radii[i], radii[i + 1]) for i, n in enumerate(names)]


def _cat() -> Anatomy:
    fore, hind = [(0.34, 0.55), (0.36, 0.31), (0.34, 0.07), (0.40, 0.045)], [(-0.44, 0.56), (-0.37, 0.33)]
    hind += [(-0.48, 0.19), (-0.44, 0.06), (-0.385, 0.045)]
    bones = [
        Bone("rear", "", (-0.02, 0.575), (-0.44, 0.61), 0.165, 0.165),
        Bone("front", "", (-0.02, 0.575), (0.36, 0.62), 0.165, 0.165),
        Bone("neck", "front", (0.38, 0.66), (0.60, 0.79), 0.145, 0.115),
        *_chain("head", "neck", [(0.63, 0.83), (0.71, 0.81), (0.80, 0.775)], [0.12, 0.10, 0.058]),
        Bone("ear", "head", (0.60, 0.92), (0.575, 0.965), 0.042, 0.028),
        Bone("ear-2", "head", (0.685, 0.93), (0.685, 0.965), 0.034, 0.022),
        *_chain(
            "tail", "rear", [(-0.56, 0.66), (-0.76, 0.50), (-0.95, 0.40), (-1.12, 0.46)], [0.05, 0.04, 0.036, 0.03]
        ),
        *_chain("fore", "front", fore, [0.115, 0.066, 0.05, 0.04]),
        *_chain("hind", "rear", hind, [0.155, 0.085, 0.05, 0.045, 0.038]),
        *_chain("far-fore", "front", fore, [0.11, 0.062, 0.047, 0.04]),
        *_chain("far-hind", "rear", hind, [0.14, 0.08, 0.05, 0.043, 0.037]),
    ]
    return Anatomy(tuple(bones), (0.70, 0.845), (0.845, 0.785), (0.25, 0.55))


def _hoofed(neck: Sequence[tuple[float, float]], girth: float, leg: float, thick: float) -> list[Bone]:
    """Trunk, neck and legs that the horse and the antelope share; ``leg`` and ``thick`` scale girths."""
    fore, hind = [(0.33, 0.80), (0.35, 0.45), (0.335, 0.08), (0.36, 0.03)], [(-0.42, 0.86), (-0.36, 0.55)]
    hind += [(-0.47, 0.39), (-0.435, 0.09), (-0.41, 0.03)]
    return [
        Bone("rear", "", (-0.03, 0.84), (-0.40, 0.88), girth, girth * 0.96),
        Bone("front", "", (-0.03, 0.84), (0.34, 0.87), girth, girth * 0.95),
        Bone("neck", "front", neck[0], neck[1], thick * 0.165, thick * 0.095),
        *_chain("fore", "front", fore, [0.12 * leg, 0.052 * leg, 0.034 * leg, 0.04 * leg]),
        *_chain("hind", "rear", hind, [0.175, 0.078 * leg, 0.05 * leg, 0.035 * leg, 0.041 * leg]),
        *_chain("far-fore", "front", fore, [0.11 * leg, 0.05 * leg, 0.034 * leg, 0.04 * leg]),
        *_chain("far-hind", "rear", hind, [0.15, 0.074 * leg, 0.047 * leg, 0.034 * leg, 0.041 * leg]),
    ]


def _horse() -> Anatomy:
    bones = [
        *_hoofed([(0.38, 0.94), (0.66, 1.23)], 0.215, 1.05, 1.0),
        *_chain("head", "neck", [(0.67, 1.26), (0.78, 1.19), (0.94, 1.07)], [0.085, 0.085, 0.056]),
        Bone("ear", "head", (0.655, 1.33), (0.635, 1.42), 0.03, 0.014),
        Bone("mane", "neck", (0.36, 1.10), (0.60, 1.34), 0.03, 0.045),
        *_chain(
            "tail", "rear", [(-0.59, 0.98), (-0.67, 0.82), (-0.69, 0.60), (-0.68, 0.46)], [0.035, 0.024, 0.034, 0.03]
        ),
    ]
    return Anatomy(tuple(bones), (0.735, 1.265), (0.985, 1.055), (0.2, 1.5))


def _antelope() -> Anatomy:
    bones = [
        *_hoofed([(0.37, 0.92), (0.61, 1.24)], 0.20, 0.86, 0.86),
        *_chain("head", "neck", [(0.62, 1.27), (0.70, 1.22), (0.82, 1.13)], [0.078, 0.07, 0.042]),
        Bone("ear", "head", (0.575, 1.30), (0.49, 1.345), 0.03, 0.016),
        *_chain(
            "horn", "head", [(0.63, 1.33), (0.57, 1.46), (0.575, 1.58), (0.635, 1.68)], [0.018, 0.014, 0.010, 0.003]
        ),
        *_chain("tail", "rear", [(-0.57, 0.96), (-0.635, 0.86), (-0.65, 0.74)], [0.035, 0.025, 0.02]),
    ]
    return Anatomy(tuple(bones), (0.675, 1.265), (0.855, 1.12), (0.25, 1.55))


ANATOMIES: dict[str, Anatomy] = {"spots": _cat(), "stripes": _horse(), "maze": _antelope()}
"""Coat pattern -> the body that wears it."""

Turns = dict[str, tuple[float, float, float, float]]
"""Bone -> (cos, sin, dx, dy) of the rigid motion that carries canonical to posed coordinates."""


def posed(bones: Sequence[Bone], angles: Mapping[str, float]) -> Turns:
    """Forward kinematics: turn each bone about its joint by its angle (radians, anticlockwise), children following."""
    turns: Turns = {"": (1.0, 0.0, 0.0, 0.0)}
    for bone in bones:
        pc, ps, px, py = turns[bone.parent]
        angle = angles.get(bone.name, 0.0)
        c, s = float(np.cos(angle)), float(np.sin(angle))
        dx, dy = bone.a[0] - c * bone.a[0] + s * bone.a[1], bone.a[1] - s * bone.a[0] - c * bone.a[1]
        turns[bone.name] = (pc * c - ps * s, ps * c + pc * s, pc * dx - ps * dy + px, ps * dx + pc * dy + py)
    return turns


def extent(bones: Sequence[Bone], turns: Turns) -> tuple[float, float, float, float]:
    """(left, right, bottom, top) of the posed bones, in body units."""
    spans = []
    for bone in bones:
        c, s, dx, dy = turns[bone.name]
        for (x, y), r in ((bone.a, bone.ra), (bone.b, bone.rb)):
            px, py = c * x - s * y + dx, s * x + c * y + dy
            spans.append((px - r, px + r, py - r, py + r))
    left, right, bottom, top = np.array(spans).T
    return float(left.min()), float(right.max()), float(bottom.min()), float(top.max())


def rasterise(bones: Sequence[Bone], turns: Turns, x: Field, y: Field) -> Surface:
    """The smooth union of the posed bones, seen at the posed positions (x, y), each [h, w].

    The union is -k log sum exp(-d / k) over the bones' distances d; its soft-max weights blend the bones' own
    canonical positions, so that the coat stretches over a joint without a seam.
    """
    total, qx, qy, bulge = (np.zeros_like(x) for _ in range(4))
    for bone in bones:
        window = _window(bone, turns[bone.name], x, y)
        if window is None:
            continue
        u, v, distance, height = _capsule(bone, turns[bone.name], x[window], y[window])
        weight = np.exp(np.minimum(-distance / BLEND, 60.0))
        for field, value in ((total, 1.0), (qx, u), (qy, v), (bulge, height)):
            field[window] += weight * value
    seen = np.maximum(total, 1e-12)
    return Surface(-BLEND * np.log(seen), qx / seen, qy / seen, bulge / seen)


def _capsule(bone: Bone, turn: tuple[float, float, float, float], x: Field, y: Field) -> tuple[Field, ...]:
    c, s, dx, dy = turn
    u, v = c * (x - dx) + s * (y - dy), c * (y - dy) - s * (x - dx)
    ax, ay = bone.b[0] - bone.a[0], bone.b[1] - bone.a[1]
    t = np.clip(((u - bone.a[0]) * ax + (v - bone.a[1]) * ay) / (ax * ax + ay * ay), 0.0, 1.0)
    off = np.sqrt((u - bone.a[0] - t * ax) ** 2 + (v - bone.a[1] - t * ay) ** 2)
    radius = bone.ra + t * (bone.rb - bone.ra)
    return u, v, off - radius, np.sqrt(np.maximum(radius * radius - off * off, 0.0))


def _window(bone: Bone, turn: tuple[float, float, float, float], x: Field, y: Field) -> tuple[slice, slice] | None:
    """The part of the picture that a bone reaches, found on a coarser grid; None where out of view."""
    step = 8
    distance = _capsule(bone, turn, x[::step, ::step], y[::step, ::step])[2]
    spacing = step * max(abs(float(x[0, 1] - x[0, 0])), abs(float(y[1, 0] - y[0, 0])))
    near = distance < 10 * BLEND + 1.5 * spacing
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not len(rows):
        return None
    return (
        slice(int(rows[0] - 1) * step if rows[0] else 0, int(rows[-1] + 1) * step),
        slice(int(columns[0] - 1) * step if columns[0] else 0, int(columns[-1] + 1) * step),
    )
