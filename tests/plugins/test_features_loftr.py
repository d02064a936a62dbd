"""LoFTR's backbone; its trained weights are not at hand, so the file here holds a network of a fixed seed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from harness_plugins.features.loftr import Loftr, LoftrConfig, harness_features
from kornia.feature import LoFTR
from pictures import grey, same_features, textured
from pydantic import ValidationError
from safetensors.torch import save_file

from harness import HarnessError
from harness.stages.describe import pack

WIDE = textured(96, 160)


@pytest.fixture(scope="module")
def net() -> LoFTR:
    torch.manual_seed(0)
    return LoFTR(pretrained=None).eval()


@pytest.fixture(scope="module")
def path(net: LoFTR, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("loftr") / "backbone.safetensors"
    save_file({f"backbone.{name}": tensor for name, tensor in net.backbone.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def extractor(path: Path) -> Loftr:
    return Loftr(LoftrConfig(weights=str(path), size=160))


def test_a_cells_descriptor_is_that_of_kornias_coarse_map(extractor: Loftr, net: LoFTR) -> None:
    found = extractor.extract([WIDE])[0]
    pixels = torch.from_numpy(cv2.cvtColor(WIDE, cv2.COLOR_RGB2GRAY))[None, None].float() / 255
    with torch.inference_mode():
        expected = net.backbone(pixels)[0][0].numpy()
    assert found.size == (160, 96)
    assert len(found) == 20 * 12
    columns, rows = found.keypoints.astype(int).T // 8
    assert np.array_equal(found.keypoints, np.stack([columns, rows], axis=1) * 8)  # where kornia places a cell
    assert len(np.unique(found.keypoints, axis=0)) == 240
    assert np.allclose(found.descriptors, expected[:, rows, columns].T, atol=1e-5)
    assert (found.scales == 8).all()
    assert (found.scores == 1).all()


def test_cells_are_in_pixels_of_the_original(extractor: Loftr) -> None:
    small, big = extractor.extract([WIDE, np.kron(WIDE, np.ones((3, 3, 1), np.uint8))])
    assert big.size == (480, 288)
    assert np.allclose((small.keypoints + 0.5) * 3 - 0.5, big.keypoints)
    assert np.allclose(small.descriptors, big.descriptors, atol=1e-5)
    assert (big.scales == 24).all()


@pytest.mark.parametrize(
    ("shape", "columns", "rows"),
    [((8, 8), 1, 1), ((3, 5), 1, 1), ((1, 900), 20, 1), ((900, 1), 1, 20), ((83, 161), 20, 10), ((50, 70), 8, 6)],
)
def test_every_picture_has_whole_cells(extractor: Loftr, shape: tuple[int, int], columns: int, rows: int) -> None:
    found = extractor.extract([textured(*shape)])[0]
    assert len(found) == columns * rows
    assert [len(np.unique(axis)) for axis in found.keypoints.T] == [columns, rows]
    assert (found.keypoints >= 0).all()
    assert (found.keypoints <= [shape[1] - 1, shape[0] - 1]).all()


def test_one_colour_has_no_cells(extractor: Loftr) -> None:
    found = extractor.extract([grey(64, 80)])[0]
    assert len(found) == 0
    assert found.descriptors.shape == (0, 256)


def test_a_picture_does_not_depend_on_its_neighbours(extractor: Loftr) -> None:
    pictures = [WIDE, textured(90, 200, 1), WIDE]
    alone = [extractor.extract([picture])[0] for picture in pictures]
    assert all(same_features(a, b) for a, b in zip(extractor.extract(pictures), alone, strict=True))


def test_descriptors_bear_half_precision(extractor: Loftr) -> None:
    found = extractor.extract([WIDE])[0]
    assert np.allclose(pack([found], 400, 256).image(0).descriptors, found.descriptors, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("prefix", "nested"), [("", True), ("matcher.", True), ("matcher.", False)])
def test_other_layouts_of_the_file_are_read_too(
    extractor: Loftr, net: LoFTR, tmp_path: Path, prefix: str, nested: bool
) -> None:
    tensors = {prefix + name: tensor for name, tensor in net.state_dict().items()}
    torch.save({"state_dict": tensors} if nested else tensors, tmp_path / "loftr.pth")
    found = Loftr(LoftrConfig(weights=str(tmp_path / "loftr.pth"), size=160)).extract([WIDE])[0]
    assert same_features(found, extractor.extract([WIDE])[0])


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"backbone.conv1.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(HarnessError, match=r"other\.safetensors do not fit ResNetFPN.*conv1\.weight \[2, 2\]"):
        Loftr(LoftrConfig(weights=str(tmp_path / "other.safetensors")))


@pytest.mark.parametrize(("size", "cells"), [(512, 4096), (264, 1089)])
def test_too_little_room_for_the_cells_is_refused(size: int, cells: int) -> None:
    with pytest.raises(ValidationError, match=f"set max_keypoints={cells}, or a smaller size"):
        LoftrConfig(size=size)
    assert LoftrConfig(size=size, max_keypoints=cells).size == size
    assert LoftrConfig(size=263).max_keypoints == 1024


def test_offline_the_official_weights_are_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    spec = next(iter(harness_features()))
    assert "loftr_outdoor.ckpt" in spec.unavailable(LoftrConfig())
