"""LoFTR's coarse half against kornia's own, on a network of a fixed seed: its trained weights are not at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from harness_plugins.features.loftr import Loftr
from harness_plugins.features.loftr import LoftrConfig as FeaturesConfig
from harness_plugins.matchers.loftr import LoftrConfig, LoftrMatcher, harness_matchers
from kornia.feature import LoFTR
from numpy.typing import NDArray
from pictures import grey, random_features, textured
from safetensors.torch import save_file

from harness import DataError, HarnessError, LocalFeatures, PackedFeatures, PairMatches, PairSummary
from harness.packed import PER_KEYPOINT

LARGE = textured(128, 192)
PICTURES = [LARGE[:80, :128], LARGE[32:112, 40:168], LARGE[16:112, 24:120], textured(80, 128, 5), grey(64, 80)]
"""The third is not of the first's shape; each of the first three overlaps the others."""


@pytest.fixture(scope="module")
def net() -> LoFTR:
    """Weights of a fixed seed, with strong descriptors that the layers change little: else no match is likely."""
    torch.manual_seed(0)
    net = LoFTR(pretrained=None).eval()
    with torch.no_grad():
        net.backbone.layer3_outconv.weight *= 5
        for layer in net.loftr_coarse.layers:
            layer.norm2.weight *= 0.5
    return net


@pytest.fixture(scope="module")
def path(net: LoFTR, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("loftr") / "loftr.safetensors"
    save_file(net.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def images(path: Path) -> list[LocalFeatures]:
    return Loftr(FeaturesConfig(weights=str(path), size=128)).extract(PICTURES)


def matcher(path: Path, threshold: float = 0.0, **settings: Any) -> LoftrMatcher:
    return LoftrMatcher(LoftrConfig(weights=str(path), threshold=threshold, **settings))


def by_kornia(
    net: LoFTR, a: int, b: int, border: int, threshold: float = 0.0, **masks: torch.Tensor
) -> dict[str, torch.Tensor]:
    """What kornia's forward pass on two pictures knows after its coarse half; ``masks`` of pixels are mask0, mask1."""
    seen: dict[str, torch.Tensor] = {}
    net.coarse_matching.thr, net.coarse_matching.border_rm = threshold, border
    hook = net.coarse_matching.register_forward_hook(lambda module, args, output: seen.update(args[2]))
    greys = [torch.from_numpy(cv2.cvtColor(PICTURES[i], cv2.COLOR_RGB2GRAY))[None, None] / 255 for i in (a, b)]
    with torch.inference_mode():
        net({"image0": greys[0], "image1": greys[1], **masks})
    hook.remove()
    return seen


def check_alike(
    found: PairMatches, query: LocalFeatures, gallery: LocalFeatures, expected: dict[str, torch.Tensor]
) -> None:
    """The same cells and scores; the pictures here are not shrunk, so that a cell's place is kornia's."""
    places = np.hstack([query.keypoints[found.indices[:, 0]], gallery.keypoints[found.indices[:, 1]]])
    assert np.array_equal(places, torch.hstack([expected["mkpts0_c"], expected["mkpts1_c"]]).numpy())
    assert np.allclose(found.scores, expected["mconf"].numpy(), rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(("a", "b", "border"), [(0, 1, 0), (0, 2, 1), (2, 0, 0), (3, 1, 0), (0, 0, 2)])
def test_gives_what_kornia_gives(
    net: LoFTR, path: Path, images: list[LocalFeatures], a: int, b: int, border: int
) -> None:
    found = matcher(path, border=border).match([(images[a], images[b])])[0]
    assert len(found.indices) > 5
    check_alike(found, images[a], images[b], by_kornia(net, a, b, border))


def test_a_threshold_keeps_the_surer_ones_as_kornias_does(net: LoFTR, path: Path, images: list[LocalFeatures]) -> None:
    every = matcher(path, border=0).match([(images[0], images[1])])[0]
    threshold = float(np.sort(every.scores)[-8:-6].mean())
    found = matcher(path, threshold, border=0).match([(images[0], images[1])])[0]
    assert len(found.indices) == 7
    check_alike(found, images[0], images[1], by_kornia(net, 0, 1, 0, threshold))


def without(image: LocalFeatures, gone: NDArray[np.bool_]) -> LocalFeatures:
    return replace(image, **{name: getattr(image, name)[~gone] for name in PER_KEYPOINT})


@pytest.mark.parametrize("sides", [(0,), (1,), (0, 1)])
def test_cells_that_a_mask_took_out_take_no_part_as_kornias_masks(
    net: LoFTR, path: Path, images: list[LocalFeatures], sides: tuple[int, ...]
) -> None:
    pair, masks = [images[0], images[2]], {}
    for side in sides:
        x, y = pair[side].keypoints.T
        gone = (x < 48) | (y > 70) | ((x > 90) & (y < 20))
        mask = torch.ones(1, *PICTURES[2 * side].shape[:2], dtype=torch.bool)
        mask[0, y[gone].astype(int), x[gone].astype(int)] = False
        pair[side], masks[f"mask{side}"] = without(pair[side], gone), mask
    found = matcher(path, border=0).match([(pair[0], pair[1])])[0]
    assert len(found.indices) > 5
    check_alike(found, pair[0], pair[1], by_kornia(net, 0, 2, border=0, **masks))


def test_a_batch_changes_nothing(path: Path, images: list[LocalFeatures]) -> None:
    part = without(images[1], images[1].keypoints[:, 0] < 40)
    pairs = [(images[0], other) for other in (images[1], images[2], images[3], part, images[4])] + [(part, images[0])]
    own = matcher(path, border=0)
    alone = [own.match([pair])[0] for pair in pairs]
    for found, expected in zip(matcher(path, border=0, batch=3).match(pairs), alone, strict=True):
        assert np.array_equal(found.indices, expected.indices)
        assert np.allclose(found.scores, expected.scores, atol=1e-4)
    assert len(alone[4].indices) == 0
    assert all(len(found.indices) for place, found in enumerate(alone) if place != 4)


@pytest.mark.parametrize("geometry", ["none", "affine"])
def test_a_block_gives_what_its_images_give_one_by_one(path: Path, images: list[LocalFeatures], geometry: str) -> None:
    block = PackedFeatures.pack(images, 1024, 256, np.float16)
    pairs = np.array([(0, 1), (0, 2), (4, 0), (1, 0), (3, 4)])
    own = matcher(path, border=0, geometry=geometry)
    found = own.match_block(block, pairs)
    each = [block.image(row) for row in range(len(images))]
    expected = PairSummary.of(own.match([(each[a], each[b]) for a, b in pairs.tolist()]))
    for name in ("count", "confidence", "inliers"):
        assert np.allclose(getattr(found, name), getattr(expected, name), atol=1e-4)
    assert found.count.tolist()[2] == found.count.tolist()[4] == 0
    assert len(own.match_block(block, pairs[:0])) == 0


def test_either_image_is_first_or_second(path: Path, images: list[LocalFeatures]) -> None:
    there, back = matcher(path, border=0).match([(images[0], images[1]), (images[1], images[0])])
    assert not next(iter(harness_matchers())).symmetric(LoftrConfig())
    assert abs(there.scores.sum() - back.scores.sum()) > 1e-3, "then it may be declared symmetric"


def test_a_picture_of_one_cell(path: Path, images: list[LocalFeatures]) -> None:
    one = Loftr(FeaturesConfig(weights=str(path))).extract([textured(8, 8)])[0]
    found = matcher(path, border=0).match([(one, one), (one, images[0]), (images[0], one)])
    assert found[0].indices.tolist() == [[0, 0]]
    assert found[0].scores.tolist() == [1.0]
    assert [len(matches.indices) for matches in found[1:]] == [1, 1]
    assert len(matcher(path).match([(one, one)])[0].indices) == 0, "all of it is border"


@pytest.mark.parametrize("size", [(160, 96), (1013, 611), (50, 31), (333, 1000), (9, 17), (7, 1400)])
def test_the_grid_is_found_again_whatever_the_photographs_size(path: Path, size: tuple[int, int]) -> None:
    image = Loftr(FeaturesConfig(weights=str(path), size=64)).extract([textured(size[1], size[0])])[0]
    own = matcher(path, border=0)
    whole = own.match([(image, image)])[0]
    assert len(whole.indices) > 0
    assert int(whole.indices.max()) < len(image) <= 64
    some = without(image, np.arange(len(image)) % 3 == 1)
    if len(some):
        assert own.match([(some, some)])[0].indices.max(initial=0) < len(some)


def test_keypoints_that_are_no_grid_are_refused(path: Path) -> None:
    other = random_features(30, 256, 0)
    with pytest.raises(DataError, match="no cells of LoFTR's grid"):
        matcher(path).match([(replace(other, scales=np.zeros(30, np.float32)),) * 2])
    with pytest.raises(DataError, match="two keypoints in one cell"):
        matcher(path).match([(replace(other, scales=np.full(30, 100, np.float32)),) * 2])
    with pytest.raises(HarnessError, match="length 256, features 'loftr' have 8"):
        matcher(path).match([(replace(other, descriptors=other.descriptors[:, :8]),) * 2])


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"loftr_coarse.layers.0.q_proj.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(HarnessError, match=r"other\.safetensors do not fit LocalFeatureTransformer"):
        matcher(tmp_path / "other.safetensors")


def test_offline_the_official_weights_are_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    spec = next(iter(harness_matchers()))
    assert spec.accepts == {"loftr"}
    assert "loftr_outdoor.ckpt" in spec.unavailable(LoftrConfig())
    assert spec.unavailable(LoftrConfig(weights="lost.pth")) == "weights file lost.pth does not exist"
