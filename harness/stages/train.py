"""The train stage: fine-tunes a backbone with a loss, and can be taken up again after each epoch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Backbone, Checkpoint, Images, Loss, Progress
from harness.errors import CellFailed
from harness.stages.fit import Fit, TrainSettings
from harness.stages.loading import decode_all
from harness.stages.network import to_arrays
from harness.stages.validate import Validation, decode_validation

__all__ = ["TrainSettings", "Trained", "Validation", "train"]


@dataclass(frozen=True, eq=False)
class Trained:
    """Weights of network and head by name, and one row an epoch: ``epoch``, mean ``loss``, highest ``lr`` in it,
    ``seconds``, and ``validation_r1`` where there are validation images."""

    network: dict[str, NDArray[Any]]
    head: dict[str, NDArray[Any]]
    history: tuple[dict[str, float], ...]


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
        CellFailed: the loss is not finite, or the labels cannot be trained on.
        DataError: an image cannot be read.
    """
    _check(labels, classes, sampler)
    preprocess = backbone.preprocess
    pixels = decode_all(images, preprocess, progress, settings.workers)
    followed = None
    if validation is not None:
        followed = decode_validation(validation, preprocess, settings.validate_images, progress, settings.workers)
    with _own_randomness(device):
        run = _taken_up(checkpoint, lambda: Fit(backbone, loss, sampler, labels, classes, settings, seed, device))
        progress.start(settings.epochs * len(labels), "image trained")
        progress.advance(len(run.history) * len(labels))
        while len(run.history) < settings.epochs:
            run.epoch(pixels, followed, progress)
            checkpoint.save(run.dump())
    return Trained(to_arrays(run.network), to_arrays(run.head), tuple(run.history))


def _check(labels: NDArray[np.int64], classes: int, sampler: str) -> None:
    counts = np.bincount(labels, minlength=classes)
    if len(counts) > classes:
        raise CellFailed(f"training label {len(counts) - 1} is beyond the {classes} classes", "Number labels from 0.")
    if np.count_nonzero(counts) < 2:
        raise CellFailed(
            f"{len(labels)} training images of {np.count_nonzero(counts)} class(es): nothing to tell apart",
            "Train on two or more individuals (for a species loss: species), or use loss none.",
        )
    if sampler == "per-class" and counts.max() < 2:
        raise CellFailed(
            "no individual has two training photographs, and this loss learns from pairs of one individual",
            "Use a loss that needs one photograph each (arcface, softmax), or add photographs.",
        )


@contextmanager
def _own_randomness(device: str) -> Iterator[None]:
    """Leave the caller's torch random state as it was."""
    import torch

    devices = list(range(torch.cuda.device_count())) if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        yield


def _taken_up(checkpoint: Checkpoint, start: Callable[[], Fit]) -> Fit:
    """The run as its checkpoint left it, or a new one; a checkpoint that does not fit costs its epochs, no more."""
    state = checkpoint.load()
    run = start()
    if state is None:
        return run
    try:
        run.load(state)
    except Exception as error:
        # Damaged bytes fail in many ways (zip, pickle, missing or misshapen tensors); training can always start anew.
        warnings.warn(f"the training checkpoint cannot be used, training starts anew: {error}", stacklevel=2)
        return start()
    return run
