"""What the network extractors share: settings, trained weights, and one picture at a time through the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from harness import FeaturesConfig, LocalFeatures, artefact
from harness.types import Image
from harness.weights import TrainedWeights, compute_device, find, load_tensors, unavailable

from ._frame import nothing, plain, resize, shrunk_size, strongest

if TYPE_CHECKING:
    from torch import Tensor, nn

LEAST = 32
"""Networks that halve their input five times need a side of at least this many pixels."""


class NetworkConfig(FeaturesConfig):
    """Settings of a learned extractor."""

    size: int = Field(400, ge=LEAST, description="longest side in pixels that an image is scaled down to, never up")
    weights: TrainedWeights = artefact("pretrained", "'pretrained' (the official file) or a weights file")


class Found(NamedTuple):
    """What a network found in one picture: points [n, 2] in its pixels, descriptors [n, d], scores [n]."""

    points: Tensor
    descriptors: Tensor
    scores: Tensor


def official(config: NetworkConfig, url: str) -> dict[str, Tensor]:
    """The tensors that ``weights`` names, read from disk or first downloaded from ``url``."""
    return load_tensors(find(config.weights, url))


def reason(url: str) -> Callable[[NetworkConfig], str | None]:
    """``unavailable`` of an extractor whose official weights are at ``url``."""
    return lambda config: unavailable(config.weights, url)


class NetworkFeatures:
    """A local-feature network with fixed weights.

    A picture is scaled down to ``size`` and to sides that are multiples of ``multiple``; it goes through the network
    alone, so its features do not depend on its neighbours. Keypoints come back in pixels of the photograph.
    """

    def __init__(
        self, config: NetworkConfig, network: nn.Module, detect: Callable[[Tensor], Found], dim: int, multiple: int = 1
    ) -> None:
        self.config, self.dim, self.multiple = config, dim, multiple
        self._device = compute_device()
        self._network = network.eval().requires_grad_(False).to(self._device)
        self._detect = detect

    def extract(self, images: Sequence[Image]) -> list[LocalFeatures]:
        """Describe each image [h, w, 3]."""
        import torch

        with torch.inference_mode():
            return [self._describe(image) for image in images]

    def _describe(self, image: Image) -> LocalFeatures:
        import torch

        full = (image.shape[1], image.shape[0])
        small = shrunk_size(*full, self.config.size, self.multiple, LEAST)
        picture = resize(image, small)
        if plain(picture):
            return nothing(self.dim, full)
        pixels = torch.from_numpy(picture.copy()).to(self._device).permute(2, 0, 1)[None].float() / 255
        points, descriptors, scores = (part.float().cpu().numpy() for part in self._detect(pixels))
        return strongest(points, descriptors, scores, limit=self.config.max_keypoints, found_in=small, size=full)
