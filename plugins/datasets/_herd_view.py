"""What two photographs of one animal differ in: pose, viewpoint and light, sampled for each photograph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ._herd_body import ANATOMIES
from ._herd_fields import generator

if TYPE_CHECKING:
    from ._herd_plan import Shot
    from .synthetic_herd import HerdConfig


@dataclass(frozen=True)
class View:
    """Everything that two photographs of one animal differ in; angles in radians, lengths in body units."""

    angles: dict[str, float]
    yaw: float
    pitch: float
    roll: float
    bend: float
    margin: float
    shift: tuple[float, float]
    ground: tuple[float, float, float]
    lamp: tuple[float, float]
    exposure: float
    contrast: float
    balance: tuple[float, float, float]
    slope: float
    dapple: float
    sigma: float
    grain: float
    occluded: float


def view_of(config: HerdConfig, shot: Shot) -> View:
    """The view of a photograph; a burst frame takes that of the frame that it nearly repeats, a hair moved."""
    if shot.burst_of is None:
        return _sample_view(generator(config.seed, 2, *shot.key), config, shot)
    frame = _sample_view(generator(config.seed, 2, *shot.burst_of), config, shot)
    rng = generator(config.seed, 2, *shot.key)
    shift = frame.shift[0] + rng.uniform(-0.006, 0.006), frame.shift[1] + rng.uniform(-0.004, 0.004)
    head = {
        name: angle + (rng.uniform(-0.02, 0.02) if name in ("head", "tail") else 0.0)
        for name, angle in frame.angles.items()
    }
    return replace(frame, shift=shift, angles=head, exposure=frame.exposure + rng.uniform(-0.01, 0.01))


def _sample_view(rng: np.random.Generator, config: HerdConfig, shot: Shot) -> View:
    """Draw a view; ``config.difficulty`` widens every range."""
    d = config.difficulty

    def spread(easy: float, hard: float) -> float:
        return float(rng.uniform(-1, 1) * (easy + (hard - easy) * d))

    return View(
        angles=_pose(rng, shot.pattern, d),
        yaw=spread(0.08, 1.2),
        pitch=spread(0.03, 0.6),
        roll=spread(0.01, 0.22),
        bend=spread(0.0, 0.8),
        margin=float(rng.uniform(0.02, 0.06 + 0.2 * d)),
        shift=(spread(0.01, 0.08), spread(0.01, 0.05)),
        ground=(float(rng.uniform(0, 1)), float(rng.uniform(0, 1)), float(rng.uniform(0.8, 1.05))),
        lamp=(spread(0.3, 1.2), float(rng.uniform(0.4, 1.0))),
        exposure=0.08 + spread(0.05, 0.7),
        contrast=1.0 - 0.1 * d + spread(0.04, 0.5),
        balance=(1.0 + spread(0.02, 0.14), 1.0 + spread(0.01, 0.05), 1.0 + spread(0.02, 0.16)),
        slope=spread(0.05, 0.5),
        dapple=float(max(0.0, rng.uniform(-0.5, 0.9))) * d,
        sigma=float(rng.uniform(0.25, 0.45 + 0.7 * d)) * config.size / 160,
        grain=float(rng.uniform(0.004, 0.01 + 0.025 * d)),
        occluded=float(rng.random() < config.occlusion) * float(rng.uniform(0.4, 1.0)),
    )


def _pose(rng: np.random.Generator, pattern: str, d: float) -> dict[str, float]:
    """Joint angles of a standing, walking or grazing animal."""
    up, down = ANATOMIES[pattern].stance
    grazing = rng.random() < 0.35 * min(1.0, 2 * d)
    neck = -rng.uniform(0.7, 1.0) * down if grazing else rng.uniform(-0.5, 1.0) * up * (0.3 + d)
    stride = (0.12 + 0.5 * d) * rng.uniform(-1, 1)
    angles = {
        "rear": rng.uniform(-0.10, 0.10) * d,
        "front": rng.uniform(-0.12, 0.12) * d,
        "neck": neck,
        "head": rng.uniform(0.05, 0.35) if grazing else -0.5 * neck + rng.uniform(-0.35, 0.2) * (0.3 + d),
        "ear": rng.uniform(-0.3, 0.3),
        "tail": rng.uniform(-0.45, 0.35),
    }
    for leg, phase in (("fore", 1.0), ("hind", -0.8), ("far-fore", -0.9), ("far-hind", 0.9)):
        swing = phase * stride + rng.uniform(-0.07, 0.07)
        angles[leg] = swing
        angles[f"{leg}2"] = -0.75 * max(0.0, swing) if "fore" in leg else 0.45 * min(0.0, -swing)
        angles[f"{leg}3"] = 0.3 * max(0.0, -swing)
    return {name: float(angle) for name, angle in angles.items()}
