"""Backbones: the model's own preprocessing, weights from files, and reasons where weights are missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from harness_plugins.backbones import _timm, efficientnet_b3, resnet50
from harness_plugins.backbones import timm as anything
from pictures import weights as shared
from pydantic import ValidationError
from safetensors.torch import save_file

from harness import Backbone, BackboneSpec, HarnessError
from harness.config import changed, deciding
from harness.errors import CellFailed, GridError
from harness.stages.network import build_network

Settings = anything.TimmModelSettings
SPECS = {s.name: s for m in (resnet50, efficientnet_b3, anything) for s in m.harness_backbones()}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HARNESS_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


def test_declaring_imports_nothing_heavy() -> None:
    code = (
        "import sys, harness_plugins.backbones.timm, harness_plugins.backbones.resnet50, "
        "harness_plugins.losses.arcface, harness_plugins.losses.triplet, harness.stages.train; "
        "print({'torch', 'timm', 'kornia', 'pytorch_metric_learning'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("spec", "size", "dim"), [("resnet50", (224, 224), 2048), ("efficientnet_b3", (288, 288), 1536)]
)
def test_the_studys_backbones(spec: str, size: tuple[int, int], dim: int) -> None:
    declared = SPECS[spec]
    assert declared.build(declared.config(weights="random")).preprocess.size == size
    backbone = declared.build(declared.config(weights="random", size=64))
    assert isinstance(backbone, Backbone)
    assert backbone.preprocess.size == (64, 64)
    assert backbone.preprocess.mean == (0.485, 0.456, 0.406)
    assert backbone.preprocess.interpolation == "bicubic"
    with torch.no_grad():
        assert build_network(backbone, 512).eval()(torch.rand(2, 3, 64, 64)).shape == (2, 512)
        assert build_network(backbone, None).eval()(torch.rand(1, 3, 64, 64)).shape == (1, dim)


@pytest.mark.parametrize(
    ("model", "size"),
    [("mobilenetv3_small_050", 48), ("test_vit", 96), ("test_vit.r160_in1k", None), ("test_convnext", 64)],
)
def test_any_model_at_another_size(model: str, size: int | None) -> None:
    backbone = anything.build(Settings(model=model, weights="random", size=size))
    height, width = backbone.preprocess.size
    assert size in (None, height)
    with torch.no_grad():
        features = backbone.module().eval()(torch.rand(2, 3, height, width))
    assert features.ndim == 2
    assert torch.isfinite(features).all()


def test_random_weights_follow_the_seed() -> None:
    backbone = anything.build(Settings(model="resnet10t", weights="random", size=32))
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(backbone.module().state_dict()["conv1.0.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_mean_std_and_pad_type_override_the_models_own() -> None:
    backbone = anything.build(Settings(model="mobilenetv2_100", weights="random", mean=0.5, std=0.25, pad_type="same"))
    assert backbone.preprocess.mean == (0.5, 0.5, 0.5)
    assert backbone.preprocess.std == (0.25, 0.25, 0.25)
    assert type(backbone.module().conv_stem).__name__ == "Conv2dSame"


def test_a_setting_that_the_model_does_not_take() -> None:
    with pytest.raises(CellFailed, match="pad_type"):
        anything.build(Settings(model="resnet10t", weights="random", pad_type="same")).module()


def test_weights_from_a_file_with_a_classifier(tmp_path: Path) -> None:
    torch.manual_seed(7)
    whole = timm.create_model("resnet10t", num_classes=10)
    path = tmp_path / "w.safetensors"
    save_file({k: v for k, v in whole.state_dict().items() if "num_batches" not in k}, path)
    loaded = anything.build(Settings(model="resnet10t", weights=str(path), size=32)).module()
    whole.reset_classifier(0)
    picture = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(loaded.eval()(picture), whole.eval()(picture))


def test_a_file_of_another_network_lists_names(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    state = timm.create_model("resnet10t", num_classes=0).state_dict()
    state["bn1.weight"] = torch.zeros(3)
    del state["bn1.bias"]
    state["surprise"] = torch.zeros(1)
    save_file(state, path)
    with pytest.raises(HarnessError, match=r"bn1\.weight.*bn1\.bias.*surprise"):
        anything.build(Settings(model="resnet10t", weights=str(path))).module()
    assert "does not exist" in (SPECS["timm"].unavailable(Settings(model="resnet10t", weights="/no/such/file")) or "")


def test_a_key_holds_the_files_content_and_a_label_its_name(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    settings = Settings(model="resnet10t", weights=str(path))
    assert deciding(settings)["weights"].startswith("sha256:")
    assert str(tmp_path) not in str(changed(settings))


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("spec", "settings", "name"),
    [
        ("resnet50", {}, "resnet50.a1_in1k"),
        ("efficientnet_b3", {}, "efficientnet_b3.ra2_in1k"),
        ("timm", {"model": "mobilenetv2_100"}, "mobilenetv2_100"),
        ("timm", {"model": "hf-hub:BVRA/MegaDescriptor-T-224"}, "hf-hub:BVRA/MegaDescriptor-T-224"),
    ],
)
def test_missing_weights_are_a_reason_and_never_random(spec: str, settings: dict[str, str], name: str) -> None:
    declared: BackboneSpec = SPECS[spec]
    reason = declared.unavailable(declared.config(**settings))
    assert reason is not None
    assert name in reason
    assert "neither cached nor reachable (offline)" in reason
    if "hf-hub" not in name:
        assert declared.unavailable(declared.config(**settings, weights="random")) is None


@pytest.mark.usefixtures("offline")
def test_weights_in_the_cache_are_available(tmp_path: Path) -> None:
    repo = tmp_path / "hub" / "models--timm--resnet50.a1_in1k"
    (repo / "snapshots" / "abc").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    (repo / "snapshots" / "abc" / "model.safetensors").write_bytes(b"x")
    assert SPECS["resnet50"].unavailable(SPECS["resnet50"].config()) is None


def test_unknown_models_come_with_neighbours() -> None:
    with pytest.raises(GridError, match="no model") as caught:
        _timm.pretrained_config("resnet5O")
    assert "resnet50" in caught.value.advice
    with pytest.raises(GridError, match="Invalid pretrained tag"):
        _timm.pretrained_config("resnet50.nope")
    with pytest.raises(GridError, match="no model"):
        anything.build(Settings(model="mobilenet_v9", weights="random")).module()


def test_settings_are_checked() -> None:
    with pytest.raises(ValidationError):
        Settings()
    with pytest.raises(ValidationError, match="pretrained, random, or a file"):
        Settings(model="resnet10t", weights="none")


def test_the_shared_mobilenet_loads_and_sees() -> None:
    settings = Settings(
        model="mobilenetv2_100",
        pad_type="same",
        weights=shared("mobilenetv2_100_imagenet.safetensors"),
        mean=0.5,
        std=0.5,
    )
    backbone = anything.build(settings)
    assert backbone.preprocess.size == (224, 224)
    network = build_network(backbone, None).eval()
    with torch.no_grad():
        features = network(torch.rand(2, 3, 96, 96) * 2 - 1).numpy()
    assert features.shape == (2, 1280)
    assert np.isfinite(features).all()
    assert features.std() > 0
