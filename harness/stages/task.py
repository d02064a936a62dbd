"""What is to be trained, and how: the settings of a fine-tuning and all that decides its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.config import Config, knob
from harness.contracts import Backbone, Loss
from harness.errors import CellFailed
from harness.stages.sampling import epoch_batches


class TrainSettings(Config):
    """How a backbone is fine-tuned."""

    epochs: int = Field(10, ge=1, description="passes over the training images")
    batch_size: int = Field(32, ge=2, description="images a step")
    embedding: int = Field(512, ge=2, description="length of the embedding")
    lr: float = Field(1e-3, gt=0, description="highest learning rate of neck and head (AdamW)")
    backbone_lr_scale: float = Field(0.5, ge=0, description="the backbone's learning rate as a share of lr")
    weight_decay: float = Field(1e-2, ge=0, description="decoupled weight decay (AdamW)")
    warmup: float = Field(1.0, ge=0, description="epochs in which the learning rate rises to its highest")
    augment: float = Field(1.0, ge=0, le=2, description="strength of the augmentation, 0 for none")
    flip: bool = Field(False, description="also mirror images; off, since left and right flank are different patterns")
    per_class: int = Field(4, ge=2, description="images of one class that batches of a per-class loss keep together")
    validate_images: int = Field(
        500, ge=1, description="most queries, and most gallery images, of the validation R-1 (a diagnostic, no result)"
    )
    devices: int = Field(
        1, ge=1, description="cards that share each batch; it decides results: batch norm and loss see a card's share"
    )
    workers: int = knob(0, "threads or processes that decode; 0 for one a core", ge=0)
    compile: Literal["auto", "on", "off"] = Field(
        "auto",
        description="torch.compile, which rounds differently; auto: on a card, where a run is long enough for it",
    )


@dataclass(frozen=True, eq=False)
class Task:
    """A fine-tuning: ``labels`` int64 [n] in 0 .. classes-1; ``sampler`` is ``random`` or ``per-class``."""

    backbone: Backbone
    loss: Loss
    sampler: str
    labels: NDArray[np.int64]
    classes: int
    settings: TrainSettings
    seed: int

    def batches(self, epoch: int) -> list[NDArray[np.int64]]:
        """Rows of the images of each step of an epoch, whatever the number of devices."""
        rng = np.random.default_rng([self.seed, epoch])
        return epoch_batches(self.labels, self.sampler, self.settings.batch_size, self.settings.per_class, rng)

    def check(self) -> None:
        """Raise CellFailed where there is nothing to learn, or a batch is too small for its devices."""
        counts = np.bincount(self.labels, minlength=self.classes)
        if len(counts) > self.classes:
            raise CellFailed(
                f"training label {len(counts) - 1} is beyond the {self.classes} classes", "Number labels from 0."
            )
        if np.count_nonzero(counts) < 2:
            raise CellFailed(
                f"{len(self.labels)} training images of {np.count_nonzero(counts)} class(es): nothing to tell apart",
                "Train on two or more individuals (for a species loss: species), or use loss none.",
            )
        if self.sampler == "per-class" and counts.max() < 2:
            raise CellFailed(
                "no individual has two training photographs, and this loss learns from pairs of one individual",
                "Use a loss that needs one photograph each (arcface, softmax), or add photographs.",
            )
        self._check_shares()

    def _check_shares(self) -> None:
        devices, smallest = self.settings.devices, min(map(len, self.batches(1)))
        if smallest < 2 * devices:
            raise CellFailed(
                f"a batch of {smallest} images cannot be shared by {devices} devices: each needs two (batch norm)",
                "Raise train.batch_size, or lower train.devices.",
            )
