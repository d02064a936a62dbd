"""The epochs of a fine-tuning, in one process or in each of a team, from wherever its checkpoint left it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Checkpoint, Progress
from harness.stages.feeding import settled
from harness.stages.fit import Fit
from harness.stages.network import to_arrays
from harness.stages.task import Task
from harness.stages.team import Team
from harness.stages.validate import Decoded


@dataclass(frozen=True, eq=False)
class Trained:
    """Weights of network and head by name, and one row an epoch: ``epoch``, mean ``loss``, highest ``lr`` in it,
    ``seconds``, and ``validation_r1`` where there are validation images."""

    network: dict[str, NDArray[Any]]
    head: dict[str, NDArray[Any]]
    history: tuple[dict[str, float], ...]


def fitted(
    task: Task,
    team: Team,
    pixels: NDArray[np.uint8],
    followed: Decoded | None,
    checkpoint: Checkpoint,
    progress: Progress,
) -> Trained:
    """Train the epochs that are left, on decoded images uint8 [n, H, W, 3]; the checkpoint is saved after each.

    Raises:
        CellFailed: the loss is not finite, or the weights differ within the team.
    """
    run = _taken_up(checkpoint, lambda: Fit(task, team))
    epochs, images = task.settings.epochs, len(task.labels)
    progress.start(epochs * images, "image trained")
    progress.advance(len(run.history) * images)
    source = settled(pixels, team.device)
    while len(run.history) < epochs:
        run.epoch(source, followed, progress)
        checkpoint.save(run.dump())
    team.check(run.network)
    return Trained(to_arrays(run.network), to_arrays(run.head), tuple(run.history))


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
