"""The fitting of a network: rates of its parts, what an epoch tells, its random draws, and its state as bytes."""

from __future__ import annotations

import io
import math
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import Herd, Quiet, TinyBackbone
from torch import nn

from harness.errors import CellFailed
from harness.stages import fit as stage
from harness.stages.fit import Fit, _share, derived
from harness.stages.loading import decode_all
from harness.stages.task import Task, TrainSettings
from harness.stages.team import Team
from harness.stages.validate import Decoded

LABELS = np.repeat(np.arange(3), 3)
PIXELS = decode_all(Herd(LABELS), TinyBackbone.preprocess, Quiet())
SETTINGS = {"epochs": 3, "batch_size": 5, "embedding": 4, "lr": 0.02, "augment": 0.0, "compile": "off"}


class Head(nn.Module):
    """A loss that is the mean label, plus a trained number that begins with 0; it keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))
        self.seen: list[tuple[torch.dtype, bool]] = []

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        self.seen.append((embeddings.dtype, self.training))
        return labels.double().mean() + 0 * embeddings.sum() + self.bias - self.bias.detach()


class Means:
    """Its head has weights, or none at all."""

    def __init__(self, head: type[nn.Module] = Head) -> None:
        self.kind, self.asked = head, list[tuple[int, int]]()

    def head(self, dim: int, classes: int) -> nn.Module:
        self.asked.append((dim, classes))
        return self.kind()


def fit(loss: Any = None, seed: int = 3, **settings: Any) -> Fit:
    given = TrainSettings(**{**SETTINGS, **settings})
    return Fit(Task(TinyBackbone(), loss or Means(), "random", LABELS, 3, given, seed), Team("cpu"))


def test_backbone_neck_and_head_have_rates_of_their_own() -> None:
    loss = Means()
    run = fit(loss, backbone_lr_scale=0.25, weight_decay=0.3)
    groups = run.optimiser.param_groups
    assert [group["initial_lr"] for group in groups] == [0.005, 0.02, 0.02]
    assert [len(group["params"]) for group in groups] == [6, 3, 1]
    assert {group["weight_decay"] for group in groups} == {0.3}
    assert isinstance(run.optimiser, torch.optim.AdamW)
    assert loss.asked == [(4, 3)]
    bare = fit(Means(nn.Identity)).optimiser.param_groups
    assert [len(group["params"]) for group in bare] == [6, 3], "a head without weights has no group"


def test_the_rate_rises_over_the_warmup_and_ends_at_nothing() -> None:
    run = fit(warmup=0.5)  # two steps an epoch, six in all
    rates = []
    for _ in range(6):
        rates.append(run.schedule.get_last_lr()[1])
        run.optimiser.step()
        run.schedule.step()
    assert rates == pytest.approx([0.02 * _share(step, 1, 6) for step in range(6)])
    assert run.schedule.get_last_lr() == pytest.approx([0, 0, 0])


def test_an_epoch_tells_the_mean_loss_of_an_image_and_the_highest_rate_in_it() -> None:
    told, run = Quiet(), fit(warmup=0.0)
    run.epoch(PIXELS, None, told)
    run.epoch(PIXELS, None, told)
    first, second = run.history
    assert first.keys() == {"epoch", "loss", "lr", "seconds"}
    assert (first["epoch"], second["epoch"]) == (1, 2)
    assert (first["loss"], second["loss"]) == pytest.approx((1, 1)), "of labels 0, 1 and 2, in batches of 5 and 4"
    assert (first["lr"], second["lr"]) == pytest.approx((0.02, 0.02 * _share(2, 0, 6)))
    assert 0 < first["seconds"] < 60
    assert told.done == 18
    assert [note.partition(",")[0] for note in told.notes] == ["epoch 1"] * 2 + ["epoch 2"] * 2
    batches = run.task.batches(1)
    assert told.notes[:2] == [f"epoch 1, loss {LABELS[rows].mean():.3f}" for rows in batches]


def test_network_and_head_train_after_a_validation_too_and_the_loss_sees_float32() -> None:
    run = fit()
    followed = Decoded(PIXELS[:2], LABELS[:2], PIXELS[2:], LABELS[2:])
    modes: list[bool] = []
    run.network.register_forward_hook(lambda module, given, result: modes.append(module.training))
    run.head.eval()
    for _ in range(2):
        run.epoch(PIXELS, followed, Quiet())
    assert modes == [True, True, False, False, False, True, True, False, False, False]
    assert run.head.seen == [(torch.float32, True)] * 4
    assert all(0 <= row["validation_r1"] <= 1 for row in run.history)


def test_only_the_first_of_a_team_looks_at_the_validation_images() -> None:
    run = fit()
    run.team.rank = 1
    run.epoch(PIXELS, Decoded(PIXELS[:2], LABELS[:2], PIXELS[2:], LABELS[2:]), Quiet())
    assert "validation_r1" not in run.history[0]


def weights(run: Fit) -> NDArray[np.float32]:
    return np.concatenate([weight.detach().numpy().ravel() for weight in run.network.parameters()])


def test_the_start_hangs_on_the_seed_and_not_on_the_state_of_torch() -> None:
    torch.manual_seed(1)
    one = fit()
    torch.manual_seed(2)
    assert np.array_equal(weights(one), weights(fit()))
    assert not np.array_equal(weights(one), weights(fit(seed=4)))
    torch.manual_seed(derived(3, 0))
    expected = next(TinyBackbone().module().parameters()).detach().numpy()
    assert np.array_equal(next(one.network.parameters()).detach().numpy(), expected)


def test_draws_of_an_epoch_hang_on_seed_epoch_and_process() -> None:
    drawn: dict[tuple[int, int], list[float]] = {}
    for rank in (0, 1):
        run = fit()
        run.team.rank = rank
        made: list[float] = []
        run.augment = Noted(made)
        run.epoch(PIXELS, None, Quiet())
        run.epoch(PIXELS, None, Quiet())
        drawn[rank, 1], drawn[rank, 2] = made[:2], made[2:]
    torch.manual_seed(derived(3, 2))
    assert drawn[0, 2] == [float(torch.rand(())) for _ in range(2)]
    assert len({tuple(part) for part in drawn.values()}) == 4


class Noted(nn.Module):
    """Draws a number for each batch, which is on [0, 1], and leaves it as it is."""

    def __init__(self, made: list[float]) -> None:
        super().__init__()
        self.made = made

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        assert 0 <= float(batch.min()) < float(batch.max()) <= 1
        assert not torch.is_grad_enabled()
        self.made.append(float(torch.rand(())))
        return batch


def test_the_augmentation_is_of_the_settings() -> None:
    assert fit().augment is None
    flip = fit(flip=True).augment
    assert flip is not None
    assert len(list(flip.children())) == 1
    full = fit(augment=0.5).augment
    assert full is not None
    sizes = [step.flags["size"] for step in full.children() if "size" in getattr(step, "flags", {})]
    assert sizes == [(16, 24)]


def test_a_state_is_taken_over_whole() -> None:
    run, other = fit(), fit(seed=4)
    run.epoch(PIXELS, None, Quiet())
    state = run.dump()
    other.load(state)
    assert np.array_equal(weights(run), weights(other))
    assert float(other.head.bias.detach()) == float(run.head.bias.detach()) != 0
    assert other.history == run.history
    assert other.schedule.get_last_lr() == run.schedule.get_last_lr() != fit().schedule.get_last_lr()
    moments = [next(iter(part.optimiser.state.values()))["exp_avg"] for part in (run, other)]
    assert torch.equal(*moments)


class Bad(Head):
    """A loss that is infinite at once."""

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return embeddings.sum() * math.inf


def test_a_loss_that_is_not_finite_is_told_with_its_place_and_the_settings_to_lower() -> None:
    with pytest.raises(CellFailed, match=r"\((nan|-?inf)\) in epoch 1, step 1 of 2") as caught:
        fit(Means(Bad), warmup=2).epoch(PIXELS, None, Quiet())
    assert "now 0.02" in caught.value.advice
    assert "now 2 epochs" in caught.value.advice


def test_the_network_is_compiled_as_wished_for_all_steps_of_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []
    made = nn.Identity()
    monkeypatch.setattr(stage, "compiled", lambda *given: seen.append(given) or made)
    run = fit(compile="auto")
    assert seen == [(run.network, "auto", 6, "cpu")]
    assert run.embed is made
    assert run.loss is run.head


class Evil:
    """Code in a pickle: it ends the process."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exit, (3,)


def test_nothing_in_a_state_can_run_code() -> None:
    buffer = io.BytesIO()
    torch.save({"network": Evil()}, buffer)
    with pytest.raises(pickle.UnpicklingError):
        fit().load(buffer.getvalue())


class Weighing(Team):
    """A team of one that keeps the rows that it is told of."""

    def __init__(self) -> None:
        super().__init__("cpu")
        self.rows: list[list[int]] = []

    def backward(self, loss: torch.Tensor, rows: NDArray[np.int64]) -> None:
        self.rows.append(rows.tolist())
        super().backward(loss, rows)


def test_a_processor_computes_in_float32_and_the_team_knows_whose_loss_it_weighs() -> None:
    run = fit()
    team = run.team = Weighing()
    kinds: list[tuple[torch.dtype, bool]] = []
    run.network.register_forward_hook(
        lambda module, given, result: kinds.append((result.dtype, torch.is_autocast_enabled("cpu")))
    )
    run.epoch(PIXELS, None, Quiet())
    assert kinds == [(torch.float32, False)] * 2
    assert team.rows == [rows.tolist() for rows in run.task.batches(1)]
