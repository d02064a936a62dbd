"""DISK by kornia; its trained weights are not at hand, so the file here holds a network of a fixed seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from harness_plugins.features import disk
from harness_plugins.features._kornia import NetworkConfig
from kornia.feature import DISK
from pictures import check_features, grey, same_features, textured
from safetensors.torch import save_file

from harness import HarnessError

WIDE = textured(100, 180)


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return DISK().state_dict()


def test_finds_keypoints_with_either_layout_of_the_file(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(tensors, tmp_path / "disk.safetensors")
    torch.save({"extractor": tensors, "epoch": 3}, tmp_path / "depth-save.pth")  # as the official file
    found = [
        disk.build(NetworkConfig(weights=str(tmp_path / name), max_keypoints=60)).extract([WIDE, grey(64, 96)])
        for name in ("disk.safetensors", "depth-save.pth")
    ]
    check_features(found[0][0], WIDE, 60, 128)
    assert len(found[0][1]) == 0
    assert same_features(found[0][0], found[1][0])


def test_missing_weights_are_named(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    name = sorted(tensors)[0]
    del tensors[name]
    save_file(tensors, tmp_path / "part.safetensors")
    with pytest.raises(HarnessError, match=f"missing: {name}"):
        disk.build(NetworkConfig(weights=str(tmp_path / "part.safetensors")))
