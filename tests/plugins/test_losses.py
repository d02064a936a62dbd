"""Losses: declared light, checked against their papers' formulas, and trainable."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from harness_plugins.losses import arcface, cosface, softmax, subcenter_arcface, triplet
from pydantic import ValidationError
from torch.nn import functional

from harness import Loss, LossSpec

SPECS = {
    spec.name: spec
    for module in (softmax, arcface, cosface, subcenter_arcface, triplet)
    for spec in module.harness_losses()
}
DIM, CLASSES, N = 8, 5, 12


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(N, DIM, requires_grad=True), torch.arange(N) % CLASSES


def cosines(head: torch.nn.Module, embeddings: torch.Tensor) -> torch.Tensor:
    return functional.normalize(embeddings) @ functional.normalize(head.W, dim=0)


def test_what_is_offered() -> None:
    assert set(SPECS) == {"softmax", "softmax-species", "arcface", "cosface", "subcenter-arcface", "triplet"}
    assert {name for name, spec in SPECS.items() if spec.classifies} == {"softmax", "softmax-species"}
    assert {name for name, spec in SPECS.items() if spec.labels == "species"} == {"softmax-species"}
    assert {name for name, spec in SPECS.items() if spec.sampler == "per-class"} == {"triplet"}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_loss_is_a_finite_scalar_that_falls(spec: LossSpec) -> None:
    loss = spec.build(spec.config())
    assert isinstance(loss, Loss)
    embeddings, labels = batch()
    head = loss.head(DIM, CLASSES)
    optimiser = torch.optim.Adam([embeddings, *head.parameters()], lr=0.05)
    values = []
    for _ in range(30):
        value = head(embeddings, labels)
        assert value.shape == ()
        optimiser.zero_grad()
        value.backward()
        assert torch.isfinite(embeddings.grad).all()
        optimiser.step()
        values.append(value.item())
    assert np.isfinite(values).all()
    assert values[-1] < 0.7 * values[0]


def test_arcface_adds_radians_to_the_angle() -> None:
    embeddings, labels = batch()
    head = arcface.build(arcface.ArcFaceSettings(margin=0.3, scale=10)).head(DIM, CLASSES)
    angles = torch.acos(cosines(head, embeddings))
    target = functional.one_hot(labels, CLASSES).bool()
    assert angles.max().item() < math.pi - 0.3, "else the library's monotone continuation takes over"
    expected = functional.cross_entropy(10 * torch.cos(torch.where(target, angles + 0.3, angles)), labels)
    assert head(embeddings, labels).item() == pytest.approx(expected.item(), rel=1e-4)


def test_cosface_takes_from_the_cosine() -> None:
    embeddings, labels = batch()
    head = cosface.build(cosface.CosFaceSettings(margin=0.2, scale=10)).head(DIM, CLASSES)
    logits = cosines(head, embeddings) - 0.2 * functional.one_hot(labels, CLASSES)
    expected = functional.cross_entropy(10 * logits, labels)
    assert head(embeddings, labels).item() == pytest.approx(expected.item(), rel=1e-4)


def test_sub_centers_count_by_their_nearest() -> None:
    embeddings, labels = batch()
    head = subcenter_arcface.build(subcenter_arcface.SubCenterSettings(margin=0, scale=10)).head(DIM, CLASSES)
    assert head.W.shape == (DIM, CLASSES * 3)
    nearest = cosines(head, embeddings).view(N, CLASSES, 3).amax(dim=2)
    expected = functional.cross_entropy(10 * nearest, labels)
    assert head(embeddings, labels).item() == pytest.approx(expected.item(), rel=1e-4)


def test_softmax_uses_the_raw_embedding() -> None:
    embeddings, labels = batch()
    head = softmax.build(softmax.SoftmaxSettings(temperature=2)).head(DIM, CLASSES)
    assert head.logits(embeddings).shape == (N, CLASSES)
    assert head(embeddings, labels).item() == pytest.approx(
        functional.cross_entropy(head.linear(embeddings) / 2, labels).item()
    )
    assert not torch.allclose(head.logits(embeddings), head.logits(2 * embeddings))


def test_triplet_by_hand() -> None:
    head = triplet.build(triplet.TripletSettings(margin=0.5)).head(2, 2)
    points = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]])
    unit = functional.normalize(points)
    near, far = (unit[0] - unit[2]).norm(), (unit[0] - unit[1]).norm()
    across = (unit[1] - unit[2]).norm()
    # Anchors 0 and 1 are one animal (far apart); 2 is another, near to 0.
    expected = (far - near + 0.5 + far - across + 0.5) / 2
    assert head(points, torch.tensor([0, 0, 1])).item() == pytest.approx(expected.item(), rel=1e-4)


def test_triplet_without_a_pair_is_zero_and_still_has_a_gradient() -> None:
    embeddings, _ = batch()
    value = triplet.build(triplet.TripletSettings()).head(DIM, N)(embeddings, torch.arange(N))
    value.backward()
    assert value.item() == 0


@pytest.mark.parametrize("settings", [{"margin": 28.6}, {"scale": 0}, {"margins": 0.5}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        arcface.ArcFaceSettings(**settings)
