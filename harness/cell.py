"""A cell: one recipe of the grid, its labels for people and its digest for records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.config import public
from harness.fingerprint import digest
from harness.registry import Choice
from harness.stages.train import TrainSettings

AXES = ("backbone", "loss", "matcher", "fusion", "openset")
OPTIONAL = ("loss", "matcher", "fusion", "openset")
"""Axes on which ``none`` is a value: frozen backbone, no re-ranking, no decision."""
NONE = "none"


@dataclass(frozen=True, eq=False)
class Cell:
    """One recipe under the protocol. ``skip`` is the reason why it cannot run, or empty."""

    grid: str
    backbone: Choice
    loss: Choice | None
    matcher: Choice | None
    features: Choice | None
    fusion: Choice | None
    openset: Choice | None
    train: TrainSettings
    seed: int
    skip: str = ""

    def label(self, axis: str) -> str:
        """What a table shows for an axis."""
        choice: Choice | None = getattr(self, axis)
        return choice.label if choice else NONE

    @property
    def labels(self) -> dict[str, str]:
        """Axis -> label, with the seed."""
        return {**{axis: self.label(axis) for axis in AXES}, "seed": str(self.seed)}

    @property
    def title(self) -> str:
        """One line for progress and logs."""
        return " / ".join(self.label(axis) for axis in AXES) + f" / seed {self.seed}"

    @property
    def id(self) -> str:
        """Digest of everything in the cell that a user chose: settings with defaults, no code, no data."""
        chosen = {axis: _chosen(getattr(self, axis)) for axis in (*AXES, "features")}
        train = public(self.train) if self.loss else None
        return digest({"axes": chosen, "train": train, "seed": self.seed})[:16]


def _chosen(choice: Choice | None) -> Any:
    return {"name": choice.spec.name, **public(choice.config)} if choice else None
