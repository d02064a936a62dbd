"""The contract of training objectives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from harness.specs import LossSpec
from harness.testing import given, samples
from harness.testing.contract import Contract

if TYPE_CHECKING:
    from torch import Tensor, nn

DIM, CLASSES, IMAGES, STEPS = 16, 5, 15, 20


class LossContract(Contract):
    """Tests of a loss, on embeddings [15, 16] of five individuals with three photographs each."""

    kind = "loss"

    def _head(self, classes: int = CLASSES, seed: int = 0) -> nn.Module:
        """A head that starts from torch's random state, as in training."""
        import torch

        torch.manual_seed(seed)
        head: nn.Module = self.made().head(DIM, classes)
        return head

    def _batch(self, labels: Iterable[int] = (), alike: bool = False) -> tuple[Tensor, Tensor]:
        """Embeddings that take a gradient, and labels; ``alike``: one embedding for all."""
        import torch

        given = list(labels) or [n % CLASSES for n in range(IMAGES)]
        drawn = torch.randn(len(given), DIM, generator=torch.Generator().manual_seed(1))
        embeddings = drawn[:1].repeat(len(given), 1) if alike else drawn
        return embeddings.requires_grad_(), torch.tensor(given)

    def _value(self, head: nn.Module, embeddings: Tensor, labels: Tensor) -> Any:
        import torch

        value = head(embeddings, labels)
        assert isinstance(value, torch.Tensor), f"the head must return a scalar tensor, not {given.a(value)}"
        assert value.shape == (), f"the head must return a scalar tensor, its shape is {tuple(value.shape)}"
        return value

    def _use(self, built: Any) -> None:
        self._value(built.head(DIM, CLASSES), *self._batch()).backward()

    def _check(self, labels: Iterable[int] = (), classes: int = CLASSES, alike: bool = False) -> None:
        import torch

        head, (embeddings, who) = self._head(classes), self._batch(labels, alike)
        value = self._value(head, embeddings, who)
        assert torch.isfinite(value), f"the loss is {value.item()}"
        value.backward()
        for name, tensor in (("the embeddings", embeddings), *head.named_parameters()):
            gradient = tensor.grad
            assert gradient is None or torch.isfinite(gradient).all(), f"the gradient of {name} is not finite"

    def test_the_loss_and_its_gradient_are_finite(self) -> None:
        self._check()

    def test_the_embeddings_get_a_gradient(self) -> None:
        head, (embeddings, labels) = self._head(), self._batch()
        self._value(head, embeddings, labels).backward()
        assert embeddings.grad is not None, "the loss gives the embeddings no gradient: nothing would be learnt"
        assert embeddings.grad.abs().sum() > 0, "the gradient of the embeddings is 0: nothing would be learnt"

    def _trained(self) -> tuple[list[float], float, float]:
        """The loss at each of a few steps on one batch, and how far its individuals are apart before and after."""
        import torch

        head, (embeddings, labels) = self._head(), self._batch()
        optimiser = torch.optim.Adam([embeddings, *head.parameters()], lr=0.02)
        values, before = list[float](), _apart(embeddings, labels)
        for _ in range(STEPS):
            value = self._value(head, embeddings, labels)
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            values.append(value.item())
        return values, before, _apart(embeddings, labels)

    def test_steps_along_the_gradient_lower_it(self) -> None:
        values, _, _ = self._trained()
        assert values[-1] < values[0], f"{STEPS} steps on one batch bring it from {values[0]:.4g} to {values[-1]:.4g}"

    def test_steps_bring_photographs_of_an_animal_together(self) -> None:
        _, before, after = self._trained()
        assert after > before, f"cosine within less that between individuals: {before:.4f}, then {after:.4f}"

    def test_one_class_is_a_finite_loss(self) -> None:
        self._check([0] * 6, classes=1)
        self._check([2] * 6)

    def test_one_photograph_an_animal_is_a_finite_loss(self) -> None:
        self._check(range(CLASSES))

    def test_a_batch_of_one_is_a_finite_loss(self) -> None:
        self._check([3])

    def test_equal_photographs_are_a_finite_loss(self) -> None:
        self._check(alike=True)

    def test_the_order_of_a_batch_changes_nothing(self) -> None:
        import torch

        head, (embeddings, labels) = self._head().eval(), self._batch()
        order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            one = self._value(head, embeddings, labels).item()
            two = self._value(head, embeddings[order], labels[order]).item()
        assert one == pytest.approx(two, rel=1e-4, abs=1e-6), "the loss hangs on the order of the batch"

    def test_logits_have_a_column_for_each_class(self) -> None:
        import torch

        spec = self.choice().spec
        assert isinstance(spec, LossSpec)
        head: Any = self._head()
        if not spec.classifies:
            assert not hasattr(head, "logits"), "the head has logits: declare classifies=True"
            pytest.skip("it does not classify")
        with torch.no_grad():
            logits = head.logits(self._batch()[0])
        assert logits.shape == (IMAGES, CLASSES), f"logits {tuple(logits.shape)}, not {(IMAGES, CLASSES)}"
        assert torch.isfinite(logits).all(), "a logit is not finite"

    def test_one_seed_gives_one_head(self) -> None:
        one, two = (_state(self._head(seed=3)) for _ in range(2))
        assert one == two, "one seed gives two heads: draw from torch's random state"

    def test_two_builds_give_equal_bytes(self) -> None:
        import torch

        values = []
        for built in self._twice():
            torch.manual_seed(0)
            values.append(samples.stamp(self._value(built.head(DIM, CLASSES), *self._batch()).detach().numpy()))
        assert values[0] == values[1], "two builds give different losses from one seed"

    def test_the_batch_is_left_as_it_is(self) -> None:
        head, (embeddings, labels) = self._head(), self._batch()
        before = embeddings.detach().clone(), labels.clone()
        self._value(head, embeddings, labels).backward()
        assert bool((embeddings == before[0]).all()), "the loss changes the embeddings in place"
        assert bool((labels == before[1]).all()), "the loss changes the labels in place"


def _state(head: nn.Module) -> bytes:
    return samples.stamp({name: tensor.detach().numpy() for name, tensor in head.state_dict().items()})


def _apart(embeddings: Tensor, labels: Tensor) -> float:
    """Mean cosine of photographs of one individual less that of two."""
    from torch.nn.functional import normalize

    unit = normalize(embeddings.detach())
    cosine, same = unit @ unit.T, labels[:, None] == labels
    return float(cosine[same].mean() - cosine[~same].mean())
