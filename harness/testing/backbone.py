"""The contract of backbones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from harness.choice import Choice
from harness.refs import Ref, parse
from harness.testing import samples
from harness.testing.contract import Contract
from harness.types import Preprocess

if TYPE_CHECKING:
    from torch import Tensor, nn

TOLERANCE = 1e-4
"""Between features of an image alone and in a batch, relative to the longest vector: other sizes, other sums."""


class BackboneContract(Contract):
    """Tests of a backbone. Where its weights are not at hand and it takes ``weights=random``, it is tested with those.

    Small settings make it quick: ``plugin = "mine[size=64]"``.
    """

    kind = "backbone"

    def choice(self) -> Choice:
        """The plugin with its settings; with random weights where its own are missing and it allows it."""
        choice = super().choice()
        if "weights" not in type(choice.config).model_fields or not choice.unavailable():
            return choice
        ref = parse(self.plugin)
        return self._registry().resolve(self.kind, Ref(ref.name, {**ref.settings, "weights": "random"}))

    def _module(self, built: Any = None, seed: int = 0) -> nn.Module:
        import torch

        made = self.made() if built is None else built
        torch.manual_seed(seed)
        module: nn.Module = made.module()
        return module

    def _shared(self) -> nn.Module:
        """One module for the tests that only look at what it gives, in evaluation mode."""
        if "_net" not in vars(type(self)):
            type(self)._net = self._module().eval()  # type: ignore[attr-defined]
        net: nn.Module = type(self)._net  # type: ignore[attr-defined]
        return net

    def _images(self, count: int = 7) -> Tensor:
        """Normalised images [count, 3, h, w] of the size that the backbone asks for."""
        import torch

        wanted = self.made().preprocess
        some = [samples.picture(32, 32, seed) for seed in range(count)]
        pixels = torch.from_numpy(np.stack(some)).permute(0, 3, 1, 2).float() / 255
        large = torch.nn.functional.interpolate(pixels, size=tuple(wanted.size), mode="bilinear")
        return (large - torch.tensor(wanted.mean)[:, None, None]) / torch.tensor(wanted.std)[:, None, None]

    def _features(self, images: Tensor) -> Tensor:
        import torch

        with torch.no_grad():
            features: Tensor = self._shared()(images.clone())
        return features

    def _use(self, built: Any) -> None:
        import torch

        with torch.no_grad():
            self._module(built).eval()(self._images(2))

    def test_its_preprocessing_makes_sense(self) -> None:
        wanted = self.made().preprocess
        assert isinstance(wanted, Preprocess), "preprocess is no harness.Preprocess"
        assert len(wanted.size) == 2, f"size {wanted.size} is not (height, width)"
        assert all(isinstance(side, int) and side > 0 for side in wanted.size), f"size {wanted.size} in whole pixels"
        assert len(wanted.mean) == len(wanted.std) == 3, "mean and std have a number for each of R, G and B"
        assert all(0 <= mean <= 1 for mean in wanted.mean), f"mean {wanted.mean} is not on [0, 1]"
        assert all(0 < std <= 1 for std in wanted.std), f"std {wanted.std} is not on (0, 1]"
        assert wanted.interpolation in ("bilinear", "bicubic"), f"interpolation {wanted.interpolation!r} is unknown"

    def test_an_image_becomes_one_finite_vector(self) -> None:
        import torch

        features = self._features(self._images())
        assert features.ndim == 2, f"features {tuple(features.shape)} of 7 images, not [7, d]: pool them"
        assert len(features) == 7, f"{len(features)} vectors of 7 images"
        assert features.dtype == torch.float32, f"features are {features.dtype}, not float32"
        assert torch.isfinite(features).all(), "a feature is not finite"

    def test_images_of_one_colour_become_finite_vectors(self) -> None:
        import torch

        images = self._images(2)
        images[0], images[1] = images.min(), images.max()
        assert torch.isfinite(self._features(images)).all(), "a feature of an image of one colour is not finite"

    def test_different_images_become_different_vectors(self) -> None:
        features = self._features(self._images(2))
        assert not bool((features[0] == features[1]).all()), "two photographs become one vector"

    def test_a_batch_changes_no_vector(self) -> None:
        import torch

        images = self._images()
        together, alone = self._features(images), torch.cat([self._features(images[n : n + 1]) for n in range(7)])
        scale = together.norm(dim=1).max().clamp(min=1e-12)
        off = float((together - alone).abs().max() / scale)
        assert off <= TOLERANCE, f"vectors alone and in a batch of 7 differ by {off:.2g} of their length"

    def test_the_order_of_images_changes_no_vector(self) -> None:
        images = self._images()
        there, back = self._features(images), self._features(images.flip(0)).flip(0)
        off = float((there - back).abs().max() / there.norm(dim=1).max().clamp(min=1e-12))
        assert off <= TOLERANCE, f"vectors in another order differ by {off:.2g} of their length"

    def test_one_seed_gives_one_network(self) -> None:
        one, two = (_state(self._module(built, seed=3)) for built in self._twice())
        assert one == two, "one seed gives two networks: draw from torch's random state"

    def test_every_module_is_a_fresh_one(self) -> None:
        modules = [self._module(), self._module()]  # both are kept: memory that is given back is used again
        here, there = ({parameter.data_ptr() for parameter in module.parameters()} for module in modules)
        assert not here & there, "two modules share parameters: training one would change the other"

    def test_a_gradient_is_finite(self) -> None:
        import torch

        module = self._module().train()
        if not any(parameter.requires_grad for parameter in module.parameters()):
            return
        module(self._images(4)).square().mean().backward()
        for name, parameter in module.named_parameters():
            assert parameter.grad is None or torch.isfinite(parameter.grad).all(), (
                f"the gradient of {name} is not finite"
            )

    def test_the_images_are_left_as_they_are(self) -> None:
        import torch

        images = self._images(2)
        before = images.clone()
        with torch.no_grad():
            self._shared()(images)
        assert bool((images == before).all()), "the network changes the images that it is handed"


def _state(module: nn.Module) -> bytes:
    return samples.stamp({name: tensor.detach().numpy() for name, tensor in module.state_dict().items()})
