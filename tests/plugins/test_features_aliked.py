"""ALIKED by kornia, on its trained weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from harness_plugins.features import aliked
from harness_plugins.features._kornia import NetworkConfig
from pictures import check_features, grey, same_features, textured, weights
from safetensors.torch import save_file

from harness import HarnessError

WIDE = textured(100, 180)


def test_finds_the_strongest_keypoints() -> None:
    extractor = aliked.build(NetworkConfig(weights=weights("aliked-n16.safetensors"), max_keypoints=40))
    found = extractor.extract([WIDE, grey(64, 96)])
    check_features(found[0], WIDE, 40, 128)
    assert len(found[0]) == 40
    assert len(found[1]) == 0
    assert same_features(found[0], extractor.extract([WIDE])[0])


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"conv1.weight": torch.zeros(2, 2)}, tmp_path / "other.safetensors")
    with pytest.raises(HarnessError, match=r"other\.safetensors do not fit ALIKED: wrong shape: conv1\.weight"):
        aliked.build(NetworkConfig(weights=str(tmp_path / "other.safetensors")))
