"""The embedding network: its parts, what its backbone must give, and its weights as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tiny import TinyBackbone
from torch import nn

from harness.errors import CellFailed
from harness.stages.network import build_network, feature_dim, to_arrays


def test_a_neck_brings_the_features_to_the_embedding() -> None:
    network = build_network(TinyBackbone(), 5)
    parts = dict(network.named_children())
    assert list(parts) == ["backbone", "neck"]
    linear, norm = parts["neck"].children()
    assert isinstance(linear, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    assert (linear.in_features, linear.out_features, linear.bias, norm.num_features) == (12, 5, None, 5)
    assert network(torch.zeros(2, 3, 16, 24)).shape == (2, 5)


def test_without_an_embedding_the_features_stay_as_they_are() -> None:
    network = build_network(TinyBackbone(), None)
    assert [name for name, _ in network.named_children()] == ["backbone"]
    assert network(torch.zeros(2, 3, 16, 24)).shape == (2, 12)


class Gives(nn.Module):
    """A backbone that gives the same whatever it sees, and keeps what it saw and in which mode."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output
        self.seen: tuple[Any, ...] = ()

    def forward(self, batch: torch.Tensor) -> Any:
        self.seen = tuple(batch.shape), self.training, torch.is_grad_enabled()
        return self.output


@pytest.mark.parametrize("training", [True, False])
def test_the_length_comes_from_one_image_in_eval_mode_without_gradients(training: bool) -> None:
    module = Gives(torch.zeros(1, 7)).train(training)
    assert feature_dim(module, TinyBackbone.preprocess) == 7
    assert module.seen == ((1, 3, 16, 24), False, False)
    assert module.training == training


@pytest.mark.parametrize(
    ("output", "told"),
    [(torch.zeros(2, 7), r"\(2, 7\)"), (torch.zeros(1, 7, 1), r"\(1, 7, 1\)"), ([torch.zeros(1, 7)], "list")],
)
def test_anything_but_one_vector_is_named_with_advice(output: Any, told: str) -> None:
    with pytest.raises(CellFailed, match=f"gives {told} for one image") as caught:
        feature_dim(Gives(output), TinyBackbone.preprocess)
    assert "Pool" in caught.value.advice


def test_arrays_are_copies_in_rows() -> None:
    module = TinyBackbone().module().to(memory_format=torch.channels_last)
    arrays = to_arrays(module)
    assert arrays.keys() == module.state_dict().keys()
    weight = arrays["0.weight"]
    assert weight.flags["C_CONTIGUOUS"]
    with torch.no_grad():
        next(module.parameters()).zero_()
    assert np.abs(weight).max() > 0, "not the weights themselves"
