"""A cell: one recipe of the grid, its labels for people and its digest for records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from harness.choice import Choice
from harness.config import MatcherConfig, changed, public
from harness.fingerprint import digest
from harness.refs import Ref
from harness.specs import FusionSpec
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

    @property
    def neighbours(self) -> int:
        """How many gallery neighbours of each gallery image the fusion wants to see; 0 for none."""
        if self.fusion is None:
            return 0
        assert isinstance(self.fusion.spec, FusionSpec)
        return self.fusion.spec.neighbours(self.fusion.config)

    @property
    def segmenter(self) -> Choice | None:
        """What guesses the masks of the features; None where they are not masked, or by the data set's own."""
        return self.features.segmenter if self.features else None

    @property
    def cascade(self) -> float:
        """The risk that the matcher's cascade may take; 0 where every candidate is matched."""
        config = self.matcher.config if self.matcher else None
        return config.cascade if isinstance(config, MatcherConfig) else 0.0

    @property
    def uncut(self) -> Cell:
        """The cell without its cascade, which has the same pairs."""
        if not self.cascade or self.matcher is None:
            return self
        config = self.matcher.config.model_copy(update={"cascade": 0.0})
        return replace(self, matcher=replace(self.matcher, config=config))

    def label(self, axis: str) -> str:
        """What a table shows for an axis: the plugin with the settings that differ from their defaults, no paths."""
        choice: Choice | None = getattr(self, axis)
        if choice is None:
            return NONE
        differing = changed(choice.config)
        if "features" in differing:
            differing["features"] = self._features_label
        return str(Ref(choice.spec.name, differing))

    def settings(self, axis: str) -> dict[str, Any]:
        """All settings of an axis' plugin as a record shows them, no paths; empty for ``none``."""
        choice: Choice | None = getattr(self, axis)
        if choice is None:
            return {}
        own = {"features": self._features_label} if axis == "matcher" and self.features else {}
        return {**public(choice.config), **own}

    @property
    def _features_label(self) -> str:
        """The matcher's features; their keypoint limit is left out where it is the matcher's own."""
        if self.features is None:
            return NONE
        differing = changed(self.features.config)
        limit = getattr(self.matcher.config, "max_keypoints", None) if self.matcher else None
        if differing.get("max_keypoints") == limit:
            differing.pop("max_keypoints", None)
        return str(Ref(self.features.spec.name, differing))

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
        """Digest of what a user chose in the cell: plugins and their settings that differ from their defaults, no code,
        no data. So a setting that is added to a plugin later changes no row's place."""
        chosen = {axis: self._chosen(getattr(self, axis)) for axis in (*AXES, "features")}
        train = changed(self.train) if self.loss else None
        return digest({"axes": chosen, "train": train, "seed": self.seed})[:16]

    def _chosen(self, choice: Choice | None) -> dict[str, Any] | None:
        return {"name": choice.spec.name, **changed(choice.config)} if choice else None
