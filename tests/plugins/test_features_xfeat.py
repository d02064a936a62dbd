"""XFeat by kornia, on small trained weights; what all learned extractors share is tested here too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from harness_plugins.features import xfeat
from harness_plugins.features._kornia import NetworkConfig
from pictures import check_features, grey, same_features, textured, weights
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from harness import HarnessError

WIDE = textured(170, 330)


def config(**settings: object) -> NetworkConfig:
    return NetworkConfig(weights=weights("xfeat_backbone.safetensors"), **settings)


def spec() -> object:
    return next(iter(xfeat.harness_features()))


def test_finds_keypoints_of_a_picture_that_is_not_square_and_no_multiple_of_32() -> None:
    found = xfeat.build(config(max_keypoints=100)).extract([WIDE])[0]
    check_features(found, WIDE, 100, spec().dim)


def test_keypoints_follow_the_content() -> None:
    # the same blobs, moved by 64 pixels to the right and 32 down: interior keypoints move with them
    large = textured(256, 384)
    a, b = large[32:224, 64:320], large[0:192, 0:256]
    found_a, found_b = xfeat.build(config(max_keypoints=200)).extract([a, b])
    moved = found_a.keypoints + np.array([64, 32])
    inside = (moved < [230, 170]).all(axis=1)
    nearest = np.linalg.norm(moved[inside][:, None] - found_b.keypoints[None], axis=2).min(axis=1)
    assert np.mean(nearest < 1.5) > 0.6


def test_keypoints_are_in_pixels_of_the_original() -> None:
    large = np.kron(WIDE, np.ones((3, 3, 1), np.uint8))
    small, big = xfeat.build(config(max_keypoints=50, size=330)).extract([WIDE, large])
    assert big.size == (990, 510)
    assert np.allclose((small.keypoints + 0.5) * 3 - 0.5, big.keypoints, atol=1e-2)


def test_a_picture_does_not_depend_on_its_neighbours() -> None:
    pictures = [WIDE, textured(90, 200, 1), WIDE, grey(64, 80)]
    extractor = xfeat.build(config(max_keypoints=64))
    alone = [extractor.extract([picture])[0] for picture in pictures]
    assert all(same_features(a, b) for a, b in zip(extractor.extract(pictures), alone, strict=True))


def test_plain_and_tiny_pictures_give_no_error() -> None:
    found = xfeat.build(config()).extract([grey(120, 80), grey(1, 1), textured(1, 1), textured(5, 40)])
    assert [len(f) for f in found[:3]] == [0, 0, 0]
    assert found[0].descriptors.shape == (0, 64)
    assert found[3].size == (40, 5)


def test_reads_the_official_layout_without_a_prefix(tmp_path: Path) -> None:
    own = {name.removeprefix("net."): t for name, t in load_file(weights("xfeat_backbone.safetensors")).items()}
    torch.save(own, tmp_path / "xfeat.pt")
    official = xfeat.build(NetworkConfig(weights=str(tmp_path / "xfeat.pt"))).extract([WIDE])[0]
    assert same_features(official, xfeat.build(config()).extract([WIDE])[0])


def test_weights_of_a_wrong_shape_are_named(tmp_path: Path) -> None:
    tensors = load_file(weights("xfeat_backbone.safetensors"))
    tensors["net.block1.0.layer.0.weight"] = torch.zeros(5, 1, 3, 3)
    save_file(tensors, tmp_path / "wrong.safetensors")
    with pytest.raises(HarnessError, match=r"wrong\.safetensors.*block1\.0\.layer\.0\.weight \[5, 1, 3, 3\]"):
        xfeat.build(NetworkConfig(weights=str(tmp_path / "wrong.safetensors")))


def test_a_missing_file_is_a_reason_and_an_error() -> None:
    lost = NetworkConfig(weights="lost.safetensors")
    assert spec().unavailable(lost) == "weights file lost.safetensors does not exist"
    with pytest.raises(HarnessError, match=r"lost\.safetensors does not exist"):
        xfeat.build(lost)


def test_offline_the_official_weights_are_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    reason = spec().unavailable(NetworkConfig())
    assert "xfeat.pt" in reason
    assert "weights=FILE" in reason
    with pytest.raises(HarnessError, match=r"xfeat\.pt"):
        xfeat.build(NetworkConfig())


@pytest.mark.parametrize("word", ["random", "none"])
def test_never_runs_on_random_weights(word: str) -> None:
    with pytest.raises(ValidationError, match="trained weights"):
        NetworkConfig(weights=word)
