"""The fitting of a network: settings, optimiser, one epoch at a time, and its whole state as bytes."""

from __future__ import annotations

import io
import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness.config import Config, knob
from harness.contracts import Backbone, Loss, Progress
from harness.errors import CellFailed
from harness.stages.augment import augmentation
from harness.stages.loading import normalise, to_unit
from harness.stages.network import build_network
from harness.stages.sampling import epoch_batches
from harness.stages.validate import Decoded, validation_r1

if TYPE_CHECKING:
    from torch import Tensor, nn


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
    workers: int = knob(0, "threads that decode; 0 for one a core", ge=0)


class Fit:
    """A training under way: all that changes between epochs, and how to write it down."""

    def __init__(
        self,
        backbone: Backbone,
        loss: Loss,
        sampler: str,
        labels: NDArray[np.int64],
        classes: int,
        settings: TrainSettings,
        seed: int,
        device: str,
    ) -> None:
        import torch

        torch.manual_seed(derived(seed, 0))
        self.preprocess = backbone.preprocess
        self.sampler, self.labels, self.settings, self.seed, self.device = sampler, labels, settings, seed, device
        network = build_network(backbone, settings.embedding).to(device)
        self.network: nn.Module = network.to(memory_format=torch.channels_last)
        self.head = loss.head(settings.embedding, classes).to(device)
        self.augment = augmentation(settings.augment, self.preprocess.size, settings.flip)
        self.optimiser = torch.optim.AdamW(self._groups(), weight_decay=settings.weight_decay)
        steps = len(self._batches(1))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: _share(step, steps * settings.warmup, steps * settings.epochs)
        )
        self.history: list[dict[str, float]] = []

    def _groups(self) -> list[dict[str, Any]]:
        settings, parts = self.settings, dict(self.network.named_children())
        rates = [
            (parts["backbone"], settings.lr * settings.backbone_lr_scale),
            (parts["neck"], settings.lr),
            (self.head, settings.lr),
        ]
        groups = [{"params": list(module.parameters()), "lr": rate} for module, rate in rates]
        return [group for group in groups if group["params"]]

    def _batches(self, epoch: int) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng([self.seed, epoch])
        return epoch_batches(self.labels, self.sampler, self.settings.batch_size, self.settings.per_class, rng)

    def epoch(self, pixels: NDArray[np.uint8], followed: Decoded | None, progress: Progress) -> None:
        """Train one epoch and add its row to the history."""
        import torch

        began, epoch, total = time.perf_counter(), len(self.history) + 1, 0.0
        torch.manual_seed(derived(self.seed, epoch))
        self.network.train()
        self.head.train()
        batches, highest = self._batches(epoch), 0.0
        for step, rows in enumerate(batches, start=1):
            highest = max(highest, *map(float, self.schedule.get_last_lr()))
            value = self._step(pixels[rows], self.labels[rows])
            if not math.isfinite(value):
                raise _diverged(value, epoch, step, len(batches), self.settings)
            total += value * len(rows)
            progress.advance(len(rows), f"epoch {epoch}, loss {value:.3f}")
        row = {"epoch": float(epoch), "loss": total / len(self.labels), "lr": highest}
        if followed is not None:
            batch = self.settings.batch_size
            row["validation_r1"] = validation_r1(self.network, self.preprocess, followed, batch, self.device)
        self.history.append({**row, "seconds": time.perf_counter() - began})

    def _step(self, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> float:
        import torch

        batch = to_unit(pixels, self.device)
        if self.augment is not None:
            with torch.no_grad():
                batch = self.augment(batch)
        batch = normalise(batch, self.preprocess).contiguous(memory_format=torch.channels_last)
        kind = torch.device(self.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            embeddings = self.network(batch)
        # Angles near 0 need float32, so the loss stays out of mixed precision.
        loss: Tensor = self.head(embeddings.float(), torch.from_numpy(labels).to(self.device))
        value = float(loss.detach())
        if math.isfinite(value):
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.schedule.step()
        return value

    def dump(self) -> bytes:
        """Everything that the next epoch starts from."""
        import torch

        buffer = io.BytesIO()
        torch.save({name: part.state_dict() for name, part in self._parts()} | {"history": self.history}, buffer)
        return buffer.getvalue()

    def load(self, state: bytes) -> None:
        """Take over what :meth:`dump` wrote; nothing in it can run code."""
        import torch

        loaded = torch.load(io.BytesIO(state), map_location=self.device, weights_only=True)
        for name, part in self._parts():
            part.load_state_dict(loaded[name])
        self.history = list(loaded["history"])

    def _parts(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in ("network", "head", "optimiser", "schedule")]


def derived(seed: int, epoch: int) -> int:
    """A seed for each epoch (0: the start weights); neighbours are unrelated."""
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def _share(step: int, warmup: float, total: int) -> float:
    """The learning rate at a step as a share of its highest: a straight rise, then half a cosine to zero."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1.0, total - warmup))))


def _diverged(value: float, epoch: int, step: int, steps: int, settings: TrainSettings) -> CellFailed:
    return CellFailed(
        f"loss is not finite ({value}) in epoch {epoch}, step {step} of {steps}",
        f"Lower train.lr (now {settings.lr:g}), lengthen train.warmup (now {settings.warmup:g} epochs), "
        "or lower the loss's scale or margin.",
    )
