"""The train stage: fine-tunes a backbone with a loss, and can be taken up again after each epoch."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Backbone, Checkpoint, Images, Loss, Progress
from harness.stages.epochs import Trained, fitted
from harness.stages.launch import check_devices, train_together
from harness.stages.loading import decode_all
from harness.stages.member import Work
from harness.stages.task import Task, TrainSettings
from harness.stages.team import Team
from harness.stages.validate import Decoded, Validation, decode_validation

__all__ = ["TrainSettings", "Trained", "Validation", "train"]


def train(
    *,
    backbone: Backbone,
    loss: Loss,
    sampler: str,
    images: Images,
    labels: NDArray[np.int64],
    classes: int,
    validation: Validation | None,
    settings: TrainSettings,
    seed: int,
    device: str,
    checkpoint: Checkpoint,
    progress: Progress,
) -> Trained:
    """Fine-tune on ``images`` with ``labels`` [n] in 0 .. classes-1 (individuals, or species); ``sampler`` is the
    loss's own, ``random`` or ``per-class``.

    Every random draw of an epoch derives from (seed, epoch), and the checkpoint is saved after each epoch: on a CPU,
    a run that was interrupted ends in exactly the weights of one that was not. bfloat16 is used on CUDA only.

    Raises:
        CellFailed: the loss is not finite, the labels cannot be trained on, or there are not so many devices.
        DataError: an image cannot be read.
    """
    task = Task(backbone, loss, sampler, labels, classes, settings, seed)
    task.check()
    check_devices(settings.devices, device)
    if settings.devices > 1:
        return _together(task, images, validation, device, checkpoint, progress)
    pixels = decode_all(images, backbone.preprocess, progress, settings.workers)
    followed = _followed(task, validation, progress)
    with _own_randomness(device):
        return fitted(task, Team(device), pixels, followed, checkpoint, progress)


def _together(
    task: Task, images: Images, validation: Validation | None, device: str, checkpoint: Checkpoint, progress: Progress
) -> Trained:
    with tempfile.TemporaryFile() as file:
        # Open to the other processes, and yet without a name: nothing is left behind when this one is killed.
        path = Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")
        decode_all(images, task.backbone.preprocess, progress, task.settings.workers, path)
        followed = _followed(task, validation, progress)
        return train_together(Work(task, path, followed, device, checkpoint.load()), checkpoint, progress)


def _followed(task: Task, validation: Validation | None, progress: Progress) -> Decoded | None:
    if validation is None:
        return None
    settings = task.settings
    return decode_validation(validation, task.backbone.preprocess, settings.validate_images, progress, settings.workers)


@contextmanager
def _own_randomness(device: str) -> Iterator[None]:
    """Leave the caller's torch random state as it was."""
    import torch

    devices = list(range(torch.cuda.device_count())) if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        yield
