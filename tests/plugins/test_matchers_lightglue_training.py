"""LightGlue as it is trained: its start, its loss against the paper's formula, padding, and the file that comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from harness_plugins.matchers._lightglue_feed import places
from harness_plugins.matchers._lightglue_school import TRAINABLE, LightGlueTraining
from harness_plugins.matchers._lightglue_training import TrainedLightGlue, started
from harness_plugins.matchers.lightglue import LightGlueConfig, LightGlueMatcher
from harness_plugins.matchers.mutual_nn import MutualConfig, MutualNearest
from kornia.feature import LightGlue
from safetensors.torch import save_file
from torch import Tensor
from warped import shuffled

from harness import HarnessError
from harness.matcher_training.truth import partners

torch.set_num_threads(1)
Side = dict[str, Tensor]


def images(count: tuple[int, ...] = (9, 12), dim: int = 16, room: int = 12, seed: int = 0) -> Side:
    """One side of as many pairs: random keypoints with unit descriptors, zeros behind the last one."""
    rng = np.random.default_rng(seed)
    numbers = np.array(count)
    real = np.arange(room) < numbers[:, None]
    rows = rng.normal(size=(len(count), room, dim))
    unit = rows / np.linalg.norm(rows, axis=2, keepdims=True) * real[..., None]
    side = {
        "keypoints": rng.uniform(0, 80, (len(count), room, 2)) * real[..., None],
        "descriptors": unit,
        "scales": rng.uniform(1, 20, (len(count), room)) * real,
        "orientations": rng.uniform(0, 6, (len(count), room)) * real,
        "count": numbers,
        "size": np.tile([100, 80], (len(count), 1)),
    }
    return {name: torch.from_numpy(a if a.dtype == np.int64 else a.astype(np.float32)) for name, a in side.items()}


def labels(*rows: list[int], room: int = 12) -> Tensor:
    return torch.tensor([row + [-2] * (room - len(row)) for row in rows])


def awake(net: TrainedLightGlue) -> TrainedLightGlue:
    """With residual branches that add something."""
    torch.manual_seed(1)
    for parameter in net.parameters():
        if parameter.ndim == 2:
            parameter.data += 0.05 * torch.randn_like(parameter)
    return net


def test_it_starts_as_a_matcher_of_nearest_neighbours(tmp_path: Path) -> None:
    views = shuffled(3, 2, keypoints=20, dim=16, noise=0.1)
    path = tmp_path / "start.safetensors"
    save_file({k: v.contiguous() for k, v in started(16, 16, 2, 2, True).state_dict().items()}, path)
    pairs = [(views.features.image(2 * n), views.features.image(2 * n + 1)) for n in range(3)]
    learned = LightGlueMatcher(LightGlueConfig(weights=str(path), threshold=0)).match(pairs)
    nearest = MutualNearest(MutualConfig(ratio=1)).match(pairs)
    for one, other in zip(learned, nearest, strict=True):
        assert len(one.indices) > 10
        assert {tuple(match) for match in one.indices.tolist()} <= {tuple(match) for match in other.indices.tolist()}


def test_the_loss_of_one_layer_is_the_papers() -> None:
    """Against kornia's own assignment, and means written out by hand."""
    net = awake(started(16, 16, 2, 1, True))
    left, right = images((12,)), images((12,), seed=1)
    mine, theirs = [3, -1, -2, 0] + [-2] * 8, [3, -1, -1, 0] + [-2] * 8
    value = net(left, right, (labels(mine), labels(theirs))).detach()

    layer = net.matcher.transformers[0]
    a, b = (net.matcher.input_proj(side["descriptors"]) for side in (left, right))
    turns = [net.matcher.posenc(places(side, True)) for side in (left, right)]
    a, b = layer(a, b, *turns)
    scores, _ = net.matcher.log_assignment[0](a, b)  # kornia's, with a last row and column for "no match"
    seen = scores[0].detach()
    matched = (seen[0, 3] + seen[3, 0]) / 2
    alone = seen[1, -1] / 2 + (seen[-1, 1] + seen[-1, 2]) / 2 / 2
    assert float(value) == pytest.approx(-float(matched + alone), abs=1e-4)


def test_padding_changes_neither_loss_nor_gradient() -> None:
    net = awake(started(16, 16, 2, 2, True))
    left, right = images((9,)), images((7,), seed=1)
    answers = labels([2, -1, 0, -1]), labels([2, -1, 0])
    wide = net(left, right, answers)
    wide.backward()
    slopes = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    net.zero_grad()

    def cut(side: Side, to: int) -> Side:
        return {name: value if name in ("count", "size") else value[:, :to] for name, value in side.items()}

    tight = net(cut(left, 9), cut(right, 7), (answers[0][:, :9], answers[1][:, :7]))
    tight.backward()
    assert float(tight.detach()) == pytest.approx(float(wide.detach()), abs=1e-5)
    for slope, parameter in zip(slopes, [p for p in net.parameters() if p.grad is not None], strict=True):
        torch.testing.assert_close(parameter.grad, slope, atol=1e-5, rtol=1e-4)
        assert torch.isfinite(slope).all()


def test_a_pair_without_any_match_teaches_that_nothing_matches() -> None:
    net = started(16, 16, 2, 1, True)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.5)
    left, right = images((12,)), images((12,), seed=1)
    nobody = labels([-1] * 12), labels([-1] * 12)
    first = float(net(left, right, nobody).detach())
    for _ in range(5):
        optimiser.zero_grad()
        net(left, right, nobody).backward()
        optimiser.step()
    assert float(net(left, right, nobody).detach()) < first


def test_it_learns_what_its_start_gets_wrong() -> None:
    """Descriptors whose first half is noise: the nearest neighbour is often wrong, a projection would be right."""
    rng = np.random.default_rng(0)
    views = shuffled(8, 2, keypoints=12, dim=16)
    noise = rng.normal(0, 0.4, views.features.descriptors[:, :, :8].shape)
    views.features.descriptors[:, :, :8] = noise
    net = started(16, 16, 2, 2, True)
    rows = np.arange(0, 16, 2)
    sides = [
        {k: torch.from_numpy(v[rows + side]) for k, v in views.features.arrays().items() if k != "scores"}
        for side in (0, 1)
    ]
    found = [partners(views, int(row), int(row) + 1, 3, 5) for row in rows]
    answers = tuple(torch.from_numpy(np.stack(part)) for part in zip(*found, strict=True))
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        optimiser.zero_grad()
        loss = net(sides[0], sides[1], answers)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_sizes_are_settings_and_heads_must_divide() -> None:
    config = LightGlueConfig(weights="pretrained")
    net = TRAINABLE.network(config, LightGlueTraining(layers=2, heads=4), 32)
    assert isinstance(net.matcher, LightGlue)
    assert len(net.matcher.transformers) == 2
    assert net.matcher.posenc.Wr.weight.shape == (4, 4)
    with pytest.raises(HarnessError, match="cannot be shared by 3 heads"):
        TRAINABLE.network(config, LightGlueTraining(heads=3), 32)


def test_a_training_can_start_from_a_file(tmp_path: Path) -> None:
    config = LightGlueConfig(weights="pretrained")
    net = awake(started(16, 16, 2, 2, True))
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, tmp_path / "w.safetensors")
    again = TRAINABLE.network(config, LightGlueTraining(layers=2, start=str(tmp_path / "w.safetensors")), 16)
    for name, value in net.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)
    with pytest.raises(HarnessError, match="do not fit"):
        TRAINABLE.network(config, LightGlueTraining(layers=3, start=str(tmp_path / "w.safetensors")), 16)
