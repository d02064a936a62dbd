"""The data set ``synthetic-herd``: a generated herd with coat patterns, encounters, masks and new individuals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from harness import Config, DatasetSpec, ImageTable, hookimpl, knob

from ._herd_files import draw, read_rows

COLUMNS = {
    "image_id": "image_id",
    "path": "path",
    "identity": "identity",
    "species": "species",
    "orientation": "orientation",
    "group": "encounter",
    "split": "split",
    "mask": "mask",
}
"""Column of the table -> column of the herd's metadata."""


class HerdConfig(Config):
    """Settings of the herd. A third of the encounters, the latest ones, is the official test split."""

    individuals: int = Field(60, ge=2, le=100_000, description="individual animals, new ones included")
    new_fraction: float = Field(0.2, ge=0, le=0.9, description="share of individuals that are met in test alone")
    encounters: int = Field(4, ge=2, le=100, description="encounters of each known individual")
    images: int = Field(3, ge=1, le=100, description="photographs of an encounter")
    spots: float = Field(1.0, ge=0, le=1000, description="share of the species with spots, relative to the others")
    stripes: float = Field(1.0, ge=0, le=1000, description="share of the species with stripes")
    maze: float = Field(1.0, ge=0, le=1000, description="share of the species with a reaction-diffusion coat")
    likeness: float = Field(
        0.5, ge=0, le=0.9, description="share of the coat that a species' individuals have in common"
    )
    flanks: Literal["both", "left", "right"] = Field("both", description="flanks seen; both: encounters take turns")
    size: int = Field(160, ge=64, le=1024, description="width of a photograph in pixels; its height is 3/4 of it")
    difficulty: float = Field(0.7, ge=0, le=1, description="range of pose, viewpoint, light, blur and noise")
    occlusion: float = Field(
        0.35, ge=0, le=1, description="share of photographs with grass or branches before the animal"
    )
    places: int = Field(24, ge=1, le=10_000, description="places that all individuals share")
    background_tied: float = Field(0.7, ge=0, le=1, description="share of photographs at the place of their encounter")
    near_duplicates: float = Field(0.1, ge=0, le=0.5, description="share of photographs that nearly repeat another")
    seed: int = Field(0, ge=0, le=2**63 - 1, description="seed of everything")
    workers: int = knob(0, "processes that draw; 0: one for each core", ge=0, le=256)

    @model_validator(mode="after")
    def _check(self) -> HerdConfig:
        if self.spots + self.stripes + self.maze == 0:
            raise ValueError("spots, stripes and maze are all 0: give at least one of them a share")
        if self.near_duplicates > 0 and self.images < 2:
            raise ValueError("near_duplicates need at least two images an encounter: set near_duplicates=0 or images=2")
        if self.new_individuals >= self.individuals:
            raise ValueError("new_fraction leaves no known individual: lower it")
        return self

    @property
    def height(self) -> int:
        """Height of a photograph in pixels."""
        return self.size * 3 // 4

    @property
    def new_individuals(self) -> int:
        """How many individuals are met in the test split alone."""
        return round(self.individuals * self.new_fraction)

    @property
    def test_encounters(self) -> int:
        """How many of an individual's encounters, the last ones, are the test split."""
        return max(1, round(self.encounters / 3))


class SyntheticHerd:
    """Individuals drawn from a seed: the same settings give the same bytes, whatever the number of workers."""

    def __init__(self, config: HerdConfig, folder: Path) -> None:
        self.config = config
        self.folder = Path(folder)

    def prepare(self, folder: Path) -> None:
        """Draw all photographs into ``folder``; nothing to do where this herd is there. Half a herd is never seen.

        Raises:
            DataError: the folder holds something else, or the drawing processes died.
        """
        draw(self.config, Path(folder))

    def table(self) -> ImageTable:
        """One row a photograph, with the official split by encounter.

        Raises:
            DataError: the folder is not prepared, was drawn with other settings, or its metadata is damaged.
        """
        rows = read_rows(self.config, self.folder)
        return ImageTable(
            root=self.folder,
            dataset=np.full(len(rows), "SyntheticHerd"),
            **{column: np.array([row[name] for row in rows]) for column, name in COLUMNS.items()},
        )


def build(config: HerdConfig, folder: Path) -> SyntheticHerd:
    """Make the data set whose files lie, or will lie, in ``folder``."""
    return SyntheticHerd(config, folder)


@hookimpl
def harness_datasets() -> Iterator[DatasetSpec]:
    """The embedded default data set."""
    yield DatasetSpec(
        name="synthetic-herd",
        version="1",
        config=HerdConfig,
        build=build,
        generated=True,
        summary="generated animals with spots, stripes or mazes: two flanks, encounters, masks, new individuals",
        licence="Apache-2.0",
        requires=("scipy",),
    )
