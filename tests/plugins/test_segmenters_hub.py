"""``hub``: its pixels by class, strict and safe weights, and the reason where there are none. Weights are random."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from harness_plugins.segmenters._ellipse import central_ellipse
from harness_plugins.segmenters.hub import ANIMALS, CLASSES, MARGIN, HubConfig, Network, build
from pictures import textured
from pydantic import ValidationError
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.registry import Registry


class Classes(nn.Module):
    """A network whose likeliest class at each pixel is what ``choose`` says of the picture [1, 3, h, w]."""

    def __init__(self, choose: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.choose = choose
        self.seen = list[Tensor]()

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        self.seen.append(pixels)
        return {"out": nn.functional.one_hot(self.choose(pixels), CLASSES).permute(0, 3, 1, 2).float()}


def halves(left: int, right: int) -> Callable[[Tensor], Tensor]:
    def choose(pixels: Tensor) -> Tensor:
        width = pixels.shape[3]
        return torch.where(torch.arange(width) < width // 2, left, right).expand(1, pixels.shape[2], width)

    return choose


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Random weights by name, as torchvision names them."""
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

    torch.manual_seed(0)
    return dict(deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, aux_loss=True).state_dict())


def test_animals_are_those_of_pascal_voc() -> None:
    from torchvision.models.segmentation import DeepLabV3_MobileNet_V3_Large_Weights

    names = DeepLabV3_MobileNet_V3_Large_Weights.DEFAULT.meta["categories"]
    assert len(names) == CLASSES
    assert [names[number] for number in ANIMALS] == ["bird", "cat", "cow", "dog", "horse", "sheep"]


def test_pixels_of_any_animal_are_the_mask_in_the_photographs_own_size() -> None:
    person = 15
    network = Classes(halves(ANIMALS[2], person))
    found = Network(HubConfig(size=64), network).segment([textured(50, 100), textured(90, 30)])
    assert [tuple(pixels.shape) for pixels in network.seen] == [(1, 3, 32, 64), (1, 3, 64, 21)]
    assert found[0].shape == (50, 100)
    assert (found[0][:, :50] == 255).all()
    assert (found[0][:, 50:] == 0).all()
    assert found[1].shape == (90, 30)


def test_the_network_sees_what_torchvision_would_show_it() -> None:
    from torchvision.transforms.v2.functional import normalize

    picture, network = textured(32, 40), Classes(halves(0, 0))
    Network(HubConfig(size=40), network).segment([picture])
    expected = normalize(torch.from_numpy(picture).permute(2, 0, 1) / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert torch.allclose(network.seen[0][0], expected, atol=1e-5)


def test_where_no_animal_is_found_the_ellipse_is_taken() -> None:
    found = Network(HubConfig(size=32), Classes(halves(0, 15))).segment([textured(50, 70)])[0]
    assert np.array_equal(found, central_ellipse(50, 70, MARGIN))


@pytest.mark.parametrize("second_head", [True, False])
def test_weights_from_a_file_decide_the_mask(state: dict[str, Tensor], tmp_path: Path, second_head: bool) -> None:
    kept = {name: value for name, value in state.items() if second_head or not name.startswith("aux_classifier.")}
    last = "classifier.4.bias"
    pictures = [textured(40, 60), textured(60, 40, 1)]
    for number, expected in ((ANIMALS[0], 255), (0, None)):
        bias = torch.zeros(CLASSES)
        bias[number] = 1e6
        torch.save({**kept, last: bias}, tmp_path / "weights.pth")
        masks = build(HubConfig(size=64, weights=str(tmp_path / "weights.pth"))).segment(pictures)
        for mask, picture in zip(masks, pictures, strict=True):
            ellipse = central_ellipse(*picture.shape[:2], MARGIN)
            assert np.array_equal(mask, ellipse if expected is None else np.full_like(mask, expected))


def test_a_mask_does_not_depend_on_neighbours(state: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(state, tmp_path / "weights.pth")
    pictures = [textured(40, 60), textured(60, 40, 1)]
    network = build(HubConfig(size=64, weights=str(tmp_path / "weights.pth")))
    together = network.segment(pictures)
    assert all(np.array_equal(network.segment([p])[0], m) for p, m in zip(pictures, together, strict=True))


def test_weights_that_do_not_fit_are_refused(state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({name: value for name, value in state.items() if name != "classifier.4.weight"}, path)
    with pytest.raises(HarnessError, match=r"do not fit DeepLabV3: missing: classifier\.4\.weight"):
        build(HubConfig(weights=str(path)))
    path.write_bytes(b"no weights")
    with pytest.raises(HarnessError, match="cannot be read"):
        build(HubConfig(weights=str(path)))


def test_says_where_weights_cannot_be_had() -> None:
    registry = Registry.load()
    assert "offline" in str(registry.resolve("segmenter", "hub").unavailable())
    assert "does not exist" in str(registry.resolve("segmenter", "hub[weights=nowhere.pth]").unavailable())
    for word in ("random", "none"):
        with pytest.raises(ValidationError):
            HubConfig(weights=word)
