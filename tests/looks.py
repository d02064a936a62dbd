"""Six animals whose coat and whose place both tell who they are, and matchers that look at one of the two only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tiny import TinyBackbone

from harness import BackboneSpec, FeaturesSpec, ImageTable, LocalFeatures, MatcherConfig, MatcherSpec, PairMatches
from harness.cell import Cell
from harness.choice import Choice
from harness.config import FeaturesConfig
from harness.digests import with_digests
from harness.progress import Quiet
from harness.protocol import Data, Protocol, apply
from harness.stages.train import TrainSettings

SIDE, STEP = 48, 6
ANIMALS, SHOTS = 6, 3
NEAR, FAR = 2 * STEP, SIDE - 2 * STEP
"""The animal is the square between these, a quarter of the photograph."""
GRID = np.arange(STEP // 2, SIDE, STEP, dtype=np.float32)
POINTS = np.stack(np.meshgrid(GRID, GRID), axis=-1).reshape(-1, 2)
INSIDE = ((POINTS > NEAR) & (POINTS < FAR)).all(axis=1)
"""Which of the 64 keypoints lie on the animal: 16."""


def picture(animal: int, shot: int) -> NDArray[np.uint8]:
    """Coloured tiles that are an animal's own, with a little noise in each shot."""
    tiles = np.random.default_rng([animal, 1]).integers(10, 246, (SIDE // STEP, SIDE // STEP, 3))
    noise = np.random.default_rng([animal, shot, 2]).integers(-1, 2, (SIDE, SIDE, 3))
    return (tiles.repeat(STEP, 0).repeat(STEP, 1) + noise).astype(np.uint8)


def mask() -> NDArray[np.uint8]:
    """The square's."""
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[NEAR:FAR, NEAR:FAR] = 255
    return out


def herd(folder: Path, masked: bool = True) -> Data:
    """Two train images and a query of each animal, with roles."""
    names = [(animal, shot) for animal in range(ANIMALS) for shot in range(SHOTS)]
    paths = np.array([f"{animal}-{shot}.png" for animal, shot in names])
    for path, (animal, shot) in zip(paths, names, strict=True):
        Image.fromarray(picture(animal, shot)).save(folder / path)
    Image.fromarray(mask()).save(folder / "mask.png")
    table = ImageTable(
        root=folder,
        image_id=paths,
        path=paths,
        identity=np.array([f"animal {animal}" for animal, _ in names]),
        dataset=np.full(len(names), "tiles"),
        split=np.array(["test" if shot == SHOTS - 1 else "train" for _, shot in names]),
        mask=np.full(len(names), "mask.png" if masked else ""),
    )
    protocol = Protocol(name="official", validation_images=0, validation_individuals=0)
    return apply(protocol, with_digests(table, folder / "files.sqlite", "error", Quiet())[0], "tiles", {})


class Tiles:
    """The colour of each tile."""

    def extract(self, images: Sequence[Any]) -> list[LocalFeatures]:
        x, y = POINTS.astype(int).T
        none = np.zeros(len(POINTS), np.float32)
        return [
            LocalFeatures(POINTS, (image[y, x] / 255).astype(np.float32), none, none, none, (SIDE, SIDE))
            for image in images
        ]


class Looker:
    """Matches tiles of one colour at one place, if they are among those that it looks at."""

    def __init__(self, seen: NDArray[np.bool_]) -> None:
        self.seen = seen

    def match(self, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> list[PairMatches]:
        return [self._match(query, gallery) for query, gallery in pairs]

    def _match(self, query: LocalFeatures, gallery: LocalFeatures) -> PairMatches:
        if not len(query) or not len(gallery):
            return PairMatches(np.zeros((0, 2), np.int32), np.zeros(0, np.float32), np.zeros(0, np.bool_))
        apart = np.abs(query.keypoints[:, None] - gallery.keypoints[None]).max(axis=2)
        unlike = np.abs(query.descriptors[:, None] - gallery.descriptors[None]).max(axis=2)
        x, y = ((query.keypoints - STEP // 2) / STEP).astype(int).T
        seen = self.seen[y * len(GRID) + x]
        found = np.argwhere((apart < 1) & (unlike < 0.02) & seen[:, None]).astype(np.int32)
        return PairMatches(found, np.ones(len(found), np.float32), np.ones(len(found), np.bool_))


class Broken:
    """Fails at its first pair."""

    def match(self, pairs: Any) -> Any:
        raise RuntimeError("no luck today")


class LookerConfig(MatcherConfig):
    """Settings that a matcher has."""

    features: str = "tiles"
    max_keypoints: int = len(POINTS)


def embedding() -> Cell:
    """A cell with a small random network and nothing else."""
    backbone = Choice(BackboneSpec(name="tiny", version="1", build=lambda config: TinyBackbone()), FeaturesConfig())
    return Cell("looks", replace(backbone, module="tiny"), None, None, None, None, None, TrainSettings(), 0)


def looking(name: str, matcher: Any, kept: str = "none", limit: int = len(POINTS)) -> Cell:
    """The cell of the embedding with a matcher; ``kept``: how its features are masked."""
    features = FeaturesSpec(name="tiles", version="1", config=FeaturesConfig, build=lambda config: Tiles(), dim=3)
    spec = MatcherSpec(name=name, version="1", config=LookerConfig, build=lambda config: matcher)
    config = FeaturesConfig.model_validate({"max_keypoints": len(POINTS), "mask": kept})
    return replace(
        embedding(),
        matcher=Choice(spec, LookerConfig(max_keypoints=limit), "looks"),
        features=Choice(features, config, "looks"),
    )


AT_ANIMAL = looking("at-animal", Looker(INSIDE))
AT_PLACE = looking("at-place", Looker(~INSIDE))
