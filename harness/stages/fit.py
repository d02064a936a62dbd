"""The fitting of a network: optimiser, one epoch at a time, and its whole state as bytes."""

from __future__ import annotations

import io
import math
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Progress
from harness.errors import CellFailed
from harness.stages.augment import augmentation
from harness.stages.compiling import compiled
from harness.stages.feeding import feed
from harness.stages.loading import normalise, to_unit
from harness.stages.network import build_network
from harness.stages.task import Task, TrainSettings
from harness.stages.team import Team
from harness.stages.validate import Decoded, validation_r1

if TYPE_CHECKING:
    from torch import Tensor, nn

    Pixels = NDArray[np.uint8] | Tensor
    Step = tuple[NDArray[np.int64], float, Tensor]


class Fit:
    """A training under way: all that changes between epochs, and how to write it down."""

    def __init__(self, task: Task, team: Team) -> None:
        import torch

        torch.manual_seed(derived(task.seed, 0))
        settings, self.preprocess = task.settings, task.backbone.preprocess
        self.task, self.settings, self.team = task, settings, team
        network = build_network(task.backbone, settings.embedding).to(team.device)
        self.network: nn.Module = network.to(memory_format=torch.channels_last)
        self.head = task.loss.head(settings.embedding, task.classes).to(team.device)
        self.augment = augmentation(settings.augment, self.preprocess.size, settings.flip)
        self.optimiser = torch.optim.AdamW(self._groups(), weight_decay=settings.weight_decay)
        steps = len(task.batches(1))
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimiser, lambda step: _share(step, steps * settings.warmup, steps * settings.epochs)
        )
        together = compiled(self.network, settings.compile, steps * settings.epochs, team.device)
        self.embed, self.loss = team.joined(together), team.joined(self.head)
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

    def epoch(self, pixels: Pixels, followed: Decoded | None, progress: Progress) -> None:
        """Train one epoch and add its row to the history."""
        import torch

        began, epoch, highest, total = time.perf_counter(), len(self.history) + 1, 0.0, 0.0
        torch.manual_seed(derived(self.task.seed, epoch, self.team.rank))
        self.embed.train()
        self.loss.train()
        batches = self.task.batches(epoch)
        for step, (rows, rate, loss) in enumerate(_late(self._steps(pixels, batches)), start=1):
            value, highest = float(loss), max(highest, rate)
            if not math.isfinite(value):
                raise _diverged(value, epoch, step, len(batches), self.settings)
            total += value * len(self.team.share(rows))
            progress.advance(len(rows), f"epoch {epoch}, loss {value:.3f}")
        row = {"epoch": float(epoch), "loss": self.team.total(total) / len(self.task.labels), "lr": highest}
        if followed is not None and self.team.rank == 0:
            batch, device = self.settings.batch_size, self.team.device
            row["validation_r1"] = validation_r1(self.network, self.preprocess, followed, batch, device)
        self.history.append({**row, "seconds": time.perf_counter() - began})

    def _steps(self, pixels: Pixels, batches: list[NDArray[np.int64]]) -> Iterator[Step]:
        """Take each step; gives its rows, the highest learning rate, and the loss, which may still be in work."""
        shares = [self.team.share(rows) for rows in batches]
        for rows, share, bytes_ in zip(batches, shares, feed(pixels, shares, self.team.device), strict=True):
            rate = max(map(float, self.schedule.get_last_lr()))
            loss = self._loss(bytes_, self.task.labels[share])
            self.optimiser.zero_grad(set_to_none=True)
            self.team.backward(loss, rows)
            self.optimiser.step()
            self.schedule.step()
            yield rows, rate, loss.detach()

    def _loss(self, pixels: Tensor, labels: NDArray[np.int64]) -> Tensor:
        import torch

        batch = to_unit(pixels)
        if self.augment is not None:
            with torch.no_grad():
                batch = self.augment(batch)
        batch = normalise(batch, self.preprocess).contiguous(memory_format=torch.channels_last)
        kind = batch.device.type
        with torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
            embeddings = self.embed(batch)
        # Angles near 0 need float32, so the loss stays out of mixed precision.
        loss: Tensor = self.loss(embeddings.float(), torch.from_numpy(labels).to(self.team.device))
        return loss

    def dump(self) -> bytes:
        """Everything that the next epoch starts from."""
        import torch

        buffer = io.BytesIO()
        torch.save({name: part.state_dict() for name, part in self._parts()} | {"history": self.history}, buffer)
        return buffer.getvalue()

    def load(self, state: bytes) -> None:
        """Take over what :meth:`dump` wrote; nothing in it can run code."""
        import torch

        loaded = torch.load(io.BytesIO(state), map_location=self.team.device, weights_only=True)
        for name, part in self._parts():
            part.load_state_dict(loaded[name])
        self.history = list(loaded["history"])

    def _parts(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in ("network", "head", "optimiser", "schedule")]


def derived(seed: int, epoch: int, rank: int = 0) -> int:
    """A seed for each epoch (0: the start weights) and each process of a team; neighbours are unrelated."""
    parts = [seed, epoch, rank] if rank else [seed, epoch]
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _late(steps: Iterator[Step]) -> Iterator[Step]:
    """Each step when the next one is under way: reading its loss then does not leave the card idle."""
    waiting: deque[Step] = deque()
    for step in steps:
        waiting.append(step)
        if len(waiting) > 1:
            yield waiting.popleft()
    yield from waiting


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
