"""The training of a matcher: pairs of views in, weights out; it can be taken up again where it stopped."""

from __future__ import annotations

import io
import math
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Checkpoint, Progress
from harness.errors import CellFailed
from harness.matcher_training.pairing import Pairing
from harness.matcher_training.settings import FitSettings
from harness.matcher_training.truth import partners
from harness.matcher_training.views import Views

if TYPE_CHECKING:
    from torch import Tensor, nn

Check = Callable[[Mapping[str, "Tensor"]], dict[str, float]]
SAVE_SECONDS = 60.0
"""Work that a killed training may lose."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """Weights by name, and a row each check: ``pairs`` seen, mean ``loss`` since the last one, ``seconds`` so far, and
    what the check found."""

    weights: dict[str, NDArray[Any]]
    history: tuple[dict[str, float], ...]


def fitted(
    network: nn.Module,
    views: Views,
    pairing: Pairing,
    check: Check,
    settings: FitSettings,
    device: str,
    checkpoint: Checkpoint,
    progress: Progress,
) -> Fitted:
    """Train a network, called with (left, right, partners) as :class:`harness.Trainable` says, on pairs of views.

    Raises:
        CellFailed: the loss is not finite.
    """
    run = _Run(network.to(device), views, pairing, settings, device)
    run.take_up(checkpoint)
    progress.start((run.steps - run.step) * settings.batch_size, "pair trained")
    if not run.history:
        run.note(check)
    saved, due = time.monotonic(), {math.ceil(run.steps * k / settings.checks) for k in range(1, settings.checks + 1)}
    try:
        while run.step < run.steps:
            loss = run.learn()
            progress.advance(settings.batch_size, run.told(loss))
            if run.step in due:
                run.note(check)
            if run.step in due or time.monotonic() - saved > SAVE_SECONDS:
                checkpoint.save(run.dump())
                saved = time.monotonic()
    except KeyboardInterrupt:
        if run.whole:
            checkpoint.save(run.dump())
        raise
    weights = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    return Fitted(weights, tuple(run.history))


class _Run:
    """The state of a training: network, optimiser, how far it is."""

    def __init__(self, network: nn.Module, views: Views, pairing: Pairing, settings: FitSettings, device: str) -> None:
        import torch

        self.network, self.views, self.pairing, self.settings, self.device = network, views, pairing, settings, device
        self.steps = math.ceil(settings.pairs / settings.batch_size)
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimiser, self._share)
        self.precision = _precision(settings.precision, device)
        self.step, self.history, self.losses = 0, list[dict[str, float]](), list[float]()
        self.seconds, self._began = 0.0, time.monotonic()
        self.whole = True  # False while a step is half done, when nothing may be saved

    def _share(self, step: int) -> float:
        """A linear rise, then half a cosine down to nothing."""
        rise = max(1, round(self.steps * self.settings.warmup))
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, self.steps - rise)))

    def learn(self) -> float:
        """One step."""
        import torch

        chosen = self.settings
        pairs = self.pairing.drawn(chosen.batch_size, chosen.negatives, (chosen.seed, self.step))
        left, right, answers = self._batch(pairs)
        with torch.autocast(self.device, self.precision, enabled=self.precision is not None):
            loss = self.network(left, right, answers)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise CellFailed(
                f"the loss is {value} at step {self.step} of {self.steps}",
                f"Lower fit.lr ({chosen.lr}), or raise fit.warmup.",
            )
        self.whole = False
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        self.losses.append(value)
        self.whole = True
        return value

    def _batch(self, pairs: NDArray[np.int64]) -> tuple[dict[str, Tensor], dict[str, Tensor], tuple[Tensor, Tensor]]:
        import torch

        most = int(self.views.features.count[pairs].max())
        sides = [self._side(pairs[:, side], most) for side in (0, 1)]
        pixels, apart = self.settings.pixels, self.settings.apart
        found = [partners(self.views, int(a), int(b), pixels, apart) for a, b in pairs]
        left, right = (torch.from_numpy(np.stack(rows)[:, :most]).to(self.device) for rows in zip(*found, strict=True))
        return sides[0], sides[1], (left, right)

    def _side(self, rows: NDArray[np.int64], most: int) -> dict[str, Tensor]:
        import torch

        whole = {"count", "size"}
        arrays = self.views.features.arrays()
        cut = {name: array[rows] if name in whole else array[rows, :most] for name, array in arrays.items()}
        return {name: torch.from_numpy(array).to(self.device) for name, array in cut.items()}

    def note(self, check: Check) -> None:
        """A row of the history."""
        import torch

        self.network.eval()
        with torch.inference_mode():
            found = check(self.network.state_dict())
        self.network.train()
        self.seconds, self._began = self.seconds + time.monotonic() - self._began, time.monotonic()
        mean = {"loss": float(np.mean(self.losses))} if self.losses else {}
        self.losses = []
        seen = self.step * self.settings.batch_size
        self.history.append({"pairs": float(seen), **mean, "seconds": round(self.seconds, 1), **found})

    def told(self, loss: float) -> str:
        """A short status."""
        last = {name: f"{value:.3f}" for name, value in self.history[-1].items() if name in ("precision", "recall")}
        return ", ".join([f"loss {loss:.3f}", *(f"{name} {value}" for name, value in last.items())])

    def _parts(self) -> dict[str, Any]:
        return {"network": self.network, "optimiser": self.optimiser, "schedule": self.schedule}

    def dump(self) -> bytes:
        """Everything that a later process needs to go on."""
        import torch

        buffer = io.BytesIO()
        self.seconds, self._began = self.seconds + time.monotonic() - self._began, time.monotonic()
        own = {"step": self.step, "history": self.history, "losses": self.losses, "seconds": self.seconds}
        torch.save({name: part.state_dict() for name, part in self._parts().items()} | own, buffer)
        return buffer.getvalue()

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint; one that does not fit costs its work, no more."""
        import copy

        state = checkpoint.load()
        if state is None:
            return
        before = {name: copy.deepcopy(part.state_dict()) for name, part in self._parts().items()}
        try:
            self._load(state)
        except Exception as error:  # damaged bytes fail in many ways; training can always start anew
            warnings.warn(f"the checkpoint cannot be used, training starts anew: {error}", stacklevel=2)
            for name, part in self._parts().items():
                part.load_state_dict(before[name])

    def _load(self, state: bytes) -> None:
        import torch

        loaded = torch.load(io.BytesIO(state), map_location=self.device, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(loaded[name])
        self.step, self.seconds = int(loaded["step"]), float(loaded["seconds"])
        self.history, self.losses = list(loaded["history"]), list(loaded["losses"])


def _precision(wanted: str, device: str) -> Any:
    """The type of autocast, or None for float32."""
    import torch

    fits = device == "cuda" and torch.cuda.is_bf16_supported()
    return torch.bfloat16 if wanted == "bfloat16" or (wanted == "auto" and fits) else None
