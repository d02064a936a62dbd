"""LightGlue: shapes read off a file, a batch that changes nothing, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from harness_plugins.features import xfeat
from harness_plugins.features._kornia import NetworkConfig
from harness_plugins.features.sift import Sift, SiftConfig
from harness_plugins.matchers._lightglue_files import SHIPPED
from harness_plugins.matchers._lightglue_net import Shape, renamed, shape_of
from harness_plugins.matchers.lightglue import LightGlueConfig, LightGlueMatcher, harness_matchers
from kornia.feature import LightGlue
from numpy.typing import NDArray
from pictures import random_features, textured, weights
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from harness import DataError, HarnessError, LocalFeatures, PackedFeatures, PairSummary
from harness.config import changed, deciding, file_sha256, public

SIFT = Sift(SiftConfig())
TRAINED = "lighterglue_xfeat_3layers.safetensors"


def trained(**settings: object) -> LightGlueMatcher:
    return LightGlueMatcher(LightGlueConfig(features="xfeat", weights=weights(TRAINED), **settings))


SMALL = {"input_dim": 16, "descriptor_dim": 16, "n_layers": 2, "num_heads": 2}


def drawn(path: Path, gain: float = 1.0, **shape: object) -> Path:
    """A small LightGlue of random weights in a file; a gain makes its attention as sharp as a trained one's."""
    torch.manual_seed(0)
    net = LightGlue(None, **{**SMALL, **shape})
    save_file({name: tensor * gain if tensor.ndim == 2 else tensor for name, tensor in net.state_dict().items()}, path)
    return path


def by_kornia(path: str | Path, pair: tuple[LocalFeatures, LocalFeatures], threshold: float, **shape: object) -> dict:
    """The matches and scores of kornia's own forward pass."""
    adaptivity_off = {"depth_confidence": -1, "width_confidence": -1, "filter_threshold": threshold}
    net = LightGlue(None, **shape, **adaptivity_off).eval()
    net.load_state_dict(load_file(path), strict=False)
    images = {
        name: {
            "keypoints": torch.from_numpy(f.keypoints)[None],
            "descriptors": torch.from_numpy(f.descriptors)[None],
            "scales": torch.from_numpy(f.scales * np.float32(1024 / max(f.size)))[None],
            "oris": torch.from_numpy(f.orientations)[None],
            "image_size": torch.tensor([f.size]),
        }
        for name, f in (("image0", pair[0]), ("image1", pair[1]))
    }
    with torch.inference_mode():
        return {name: values[0].numpy() for name, values in net(images).items() if name in ("matches", "scores")}


@pytest.fixture(scope="module")
def pairs() -> list[tuple[LocalFeatures, LocalFeatures]]:
    """Pictures that overlap, with counts of keypoints that differ, down to one and none."""
    large = textured(260, 420)
    extractor = xfeat.build(NetworkConfig(weights=weights("xfeat_backbone.safetensors"), max_keypoints=64))
    crops = [large[y : y + 192, x : x + 320] for x, y in ((0, 0), (40, 30), (90, 60))] + [textured(192, 320, 5)]
    found = extractor.extract(crops)
    cut = [
        first(found[1], 50),
        first(found[2], 33),
        first(found[1], 1),
        first(found[1], 0),
        found[1],
        found[2],
        found[3],
    ]
    return [(found[0], other) for other in cut] + [(first(found[0], 1), found[1])]


def first(features: LocalFeatures, count: int) -> LocalFeatures:
    names = ("keypoints", "descriptors", "scores", "scales", "orientations")
    return replace(features, **{name: getattr(features, name)[:count] for name in names})


def test_a_file_tells_layers_widths_and_heads() -> None:
    matcher = trained()
    assert matcher._shape == Shape(descriptor=64, width=96, heads=1, layers=3, oriented=False)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Shape(16, 16, 2, 2, False)),
        ({"input_dim": 8, "descriptor_dim": 32, "num_heads": 4, "n_layers": 3}, Shape(8, 32, 4, 3, False)),
        ({"add_scale_ori": True, "num_heads": 1}, Shape(16, 16, 1, 2, True)),
    ],
)
def test_shape_of_other_files(tmp_path: Path, settings: dict[str, object], expected: Shape) -> None:
    assert shape_of(load_file(drawn(tmp_path / "w.safetensors", **settings)), "w") == expected


def test_official_names_are_read_too(pairs: list[tuple[LocalFeatures, LocalFeatures]], tmp_path: Path) -> None:
    tensors = load_file(weights(TRAINED))
    old = {}
    for name, tensor in tensors.items():
        part = name.split(".")
        if part[0] == "transformers":  # transformers.0.self_attn.x -> self_attn.0.x
            name = ".".join([part[2], part[1], *part[3:]])
        old[f"matcher.{name}"] = tensor
    torch.save({**old, "extractor.other": torch.zeros(1)}, tmp_path / "official.pt")
    assert set(renamed(old)) == set(tensors)
    official = LightGlueMatcher(LightGlueConfig(features="xfeat", weights=str(tmp_path / "official.pt")))
    for a, b in zip(official.match(pairs), trained().match(pairs), strict=True):
        assert np.array_equal(a.indices, b.indices)


def test_gives_what_kornia_gives(pairs: list[tuple[LocalFeatures, LocalFeatures]]) -> None:
    shape = {"input_dim": 64, "descriptor_dim": 96, "n_layers": 3, "num_heads": 1}
    expected = by_kornia(weights(TRAINED), pairs[0], 0.1, **shape)
    found = trained().match([pairs[0]])[0]
    assert len(found.indices) > 5
    assert np.array_equal(found.indices, expected["matches"])
    assert np.allclose(found.scores, expected["scores"], atol=1e-4)


@pytest.mark.parametrize(
    "shape",
    [SMALL, {**SMALL, "num_heads": 4, "input_dim": 24, "descriptor_dim": 32}, {**SMALL, "add_scale_ori": True}],
    ids=["same width", "four heads, another width", "scales and angles"],
)
def test_gives_what_kornia_gives_for_networks_of_other_shapes(tmp_path: Path, shape: dict[str, object]) -> None:
    path = drawn(tmp_path / "w.safetensors", gain=3, **shape)
    query = random_features(60, int(str(shape["input_dim"])), 0)
    gallery = random_features(45, int(str(shape["input_dim"])), 1, size=(300, 500), noise_on=query)
    gallery.keypoints[:] %= 300
    expected = by_kornia(path, (query, gallery), 0.0, **shape)
    found = LightGlueMatcher(LightGlueConfig(weights=str(path), threshold=0.0)).match([(query, gallery)])[0]
    assert len(found.indices) > 5
    assert np.array_equal(found.indices, expected["matches"])
    assert np.allclose(found.scores, expected["scores"], atol=1e-4)


@pytest.mark.parametrize("batch", [2, 3, 7, 8])
def test_a_batch_changes_nothing(pairs: list[tuple[LocalFeatures, LocalFeatures]], batch: int) -> None:
    alone = [trained(batch=1).match([pair])[0] for pair in pairs]
    for order in (slice(None), slice(None, None, -1)):
        together = trained(batch=batch).match(pairs[order])[order]
        for a, b in zip(alone, together, strict=True):
            assert np.array_equal(a.indices, b.indices)
            assert np.allclose(a.scores, b.scores, atol=1e-4)
    assert sum(len(matches.indices) for matches in alone) > 50


def blocked(pairs: list[tuple[LocalFeatures, LocalFeatures]]) -> tuple[PackedFeatures, NDArray[np.int64]]:
    """The pairs as a block with the store's half precision."""
    images, rows = PackedFeatures.of_pairs(pairs)
    return replace(images, descriptors=images.descriptors.astype(np.float16)), rows


@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize("geometry", ["none", "affine"])
def test_a_block_gives_what_its_images_give_one_by_one(
    pairs: list[tuple[LocalFeatures, LocalFeatures]], batch: int, geometry: str
) -> None:
    images, rows = blocked(pairs)
    alone = trained(geometry=geometry, batch=1).match([(images.image(q), images.image(g)) for q, g in rows])
    expected = PairSummary.of(alone)
    order = np.random.default_rng(0).permutation(len(rows))
    found = trained(geometry=geometry, batch=batch).match_block(images, rows[order])
    assert expected.count.sum() > 50
    assert np.array_equal(found.count, expected.count[order])
    assert np.array_equal(found.inliers, expected.inliers[order])
    assert np.allclose(found.confidence, expected.confidence[order], atol=1e-4)


def test_an_empty_block_of_pairs_is_no_matches(pairs: list[tuple[LocalFeatures, LocalFeatures]]) -> None:
    images, rows = blocked(pairs)
    assert len(trained().match_block(images, rows[:0])) == 0


def test_neither_image_of_a_pair_is_the_first(pairs: list[tuple[LocalFeatures, LocalFeatures]]) -> None:
    images, rows = blocked(pairs)
    ahead, back = (trained(threshold=0.05).match_block(images, way) for way in (rows, rows[:, ::-1]))
    assert np.array_equal(ahead.count, back.count)
    assert np.allclose(ahead.confidence, back.confidence, atol=1e-4)
    spec = next(iter(harness_matchers()))
    assert spec.symmetric(LightGlueConfig())
    assert not spec.symmetric(LightGlueConfig(geometry="affine"))


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_finds_nearly_the_same(pairs: list[tuple[LocalFeatures, LocalFeatures]], precision: str) -> None:
    images, rows = blocked(pairs)
    whole, half = (trained(precision=p).match_block(images, rows) for p in ("auto", precision))
    assert not np.array_equal(whole.confidence, half.confidence)
    assert np.allclose(whole.count, half.count, atol=2)
    assert np.allclose(whole.confidence, half.confidence, rtol=0.05, atol=0.5)


def test_compiled_it_sees_few_shapes_and_finds_the_same(
    pairs: list[tuple[LocalFeatures, LocalFeatures]], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[torch.nn.Module] = []
    # Compiling takes longer than all other tests together.
    monkeypatch.setattr(torch.nn.Module, "compile", lambda net: compiled.append(net))
    shapes = set()
    matcher = trained(compiled=True, batch=2)
    matcher._net.register_forward_hook(lambda net, sides, scores: shapes.add(scores.shape[1:]))
    pairs = [(first(query, 60), gallery) for query, gallery in pairs]
    images, rows = blocked([*pairs, (random_features(90, 64, 0), pairs[0][1])])
    found = matcher.match_block(images, rows)
    assert compiled == [matcher._net]
    assert shapes <= {(64, 64), (90, 64)}
    plain = trained().match_block(images, rows)
    assert np.array_equal(plain.count, found.count)
    assert np.allclose(plain.confidence, found.confidence, atol=1e-4)


def test_overlapping_pictures_match_where_they_overlap(pairs: list[tuple[LocalFeatures, LocalFeatures]]) -> None:
    query, gallery = pairs[4]
    good, unrelated = trained(geometry="affine").match([pairs[4], pairs[6]])
    moved = query.keypoints[good.indices[:, 0]] - [40, 30]
    error = np.linalg.norm(moved - gallery.keypoints[good.indices[:, 1]], axis=1)
    assert len(good.indices) > 15
    assert np.mean(error < 3) > 0.8
    assert good.inliers.sum() > 2 * unrelated.inliers.sum()


def test_images_without_keypoints_match_nothing() -> None:
    none, some = random_features(0, 64, 1), random_features(9, 64, 1)
    for matches in trained().match([(none, some), (some, none), (none, none)]):
        assert len(matches.indices) == 0
    assert trained().match([]) == []


def test_a_higher_threshold_keeps_the_surer_ones(pairs: list[tuple[LocalFeatures, LocalFeatures]]) -> None:
    low = trained().match(pairs[4:5])[0]
    middle = float(np.sort(low.scores)[len(low.scores) // 2])
    high = trained(threshold=middle).match(pairs[4:5])[0]
    assert 0 < len(high.indices) < len(low.indices)
    assert np.array_equal(high.indices, low.indices[low.scores > middle])


def test_oriented_keypoints_go_in_with_scale_and_angle_and_resolution_is_no_matter(tmp_path: Path) -> None:
    path = drawn(tmp_path / "w.safetensors", gain=3, input_dim=128, descriptor_dim=32, add_scale_ori=True)
    matcher = LightGlueMatcher(LightGlueConfig(weights=str(path), threshold=0.0))
    query = random_features(20, 128, 0)
    gallery = random_features(15, 128, 1, noise_on=query)
    tenfold = replace(gallery, keypoints=gallery.keypoints * 10, scales=gallery.scales * 10, size=(4000, 2000))
    turned = replace(gallery, orientations=gallery.orientations[::-1].copy())
    plain, large, other = matcher.match([(query, gallery), (query, tenfold), (query, turned)])
    assert np.array_equal(plain.indices, large.indices)
    assert np.allclose(plain.scores, large.scores, atol=1e-4)
    assert plain.scores.shape != other.scores.shape or not np.allclose(plain.scores, other.scores, atol=1e-5)


def test_descriptors_of_another_length_are_an_error_that_names_both() -> None:
    some = random_features(5, 128, 0)
    with pytest.raises(HarnessError, match=r"lighterglue.*length 64, features 'xfeat' have 128"):
        trained().match([(some, some)])


def test_a_size_with_height_and_width_exchanged_is_found_out() -> None:
    wide = random_features(30, 64, 0, size=(400, 200))
    with pytest.raises(DataError, match="width 200 and height 400"):
        trained().match([(wide, replace(wide, size=(200, 400)))])


def test_files_that_are_no_lightglue_are_refused(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(1)}, tmp_path / "no.safetensors")
    with pytest.raises(HarnessError, match=r"no\.safetensors do not hold a LightGlue"):
        LightGlueMatcher(LightGlueConfig(weights=str(tmp_path / "no.safetensors")))
    path = drawn(tmp_path / "laf.safetensors", add_laf=True)
    with pytest.raises(HarnessError, match="positional encoding"):
        LightGlueMatcher(LightGlueConfig(weights=str(path)))


def test_a_layer_that_is_missing_is_named(tmp_path: Path) -> None:
    tensors = load_file(drawn(tmp_path / "w.safetensors"))
    del tensors["transformers.1.self_attn.Wqkv.weight"]
    save_file(tensors, tmp_path / "w.safetensors")
    with pytest.raises(HarnessError, match=r"missing: transformers\.1\.self_attn\.Wqkv\.weight"):
        LightGlueMatcher(LightGlueConfig(weights=str(tmp_path / "w.safetensors")))


def test_declares_its_features_and_what_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    spec = next(iter(harness_matchers()))
    assert spec.accepts == {"sift", "disk", "aliked", "xfeat"}
    official = LightGlueConfig(features="sift[size=800]", weights="pretrained")
    assert "sift_lightglue.pth" in (spec.unavailable(official) or "")
    assert "disk_lightglue.pth" in (spec.unavailable(LightGlueConfig(features="disk")) or "")  # nothing else is shipped
    assert "gone.pth" in (spec.unavailable(LightGlueConfig(weights="gone.pth")) or "")
    with pytest.raises(HarnessError, match="cannot match 'orb'"):
        LightGlueMatcher(LightGlueConfig(features="orb"))


def test_auto_is_the_official_network_or_the_shipped_one_under_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HARNESS_OFFLINE", "1")
    assert LightGlueConfig().weights == "herd"
    assert LightGlueConfig(features="xfeat").weights == "pretrained"
    hub = tmp_path / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    (hub / "sift_lightglue.pth").write_bytes(b"x")
    assert LightGlueConfig().weights == "pretrained"


def test_the_shipped_network_matches_and_says_where_it_came_from() -> None:
    config = LightGlueConfig(features="sift", weights="herd")
    assert next(iter(harness_matchers())).unavailable(config) is None
    assert changed(config) == {"weights": "herd"}
    assert public(config)["weights"].startswith("herd@")
    assert deciding(config)["weights"] == f"sha256:{file_sha256(SHIPPED['herd'])}"
    image = SIFT.extract([textured(96, 128, 0)])[0]
    (found,) = LightGlueMatcher(config).match([(image, image)])
    assert len(found.indices) > 0.5 * len(image)
    assert (found.indices[:, 0] == found.indices[:, 1]).mean() > 0.9
    assert Path(SHIPPED["herd"]).stat().st_size < 5e6
    with safe_open(SHIPPED["herd"], "numpy") as file:
        facts = json.loads(file.metadata()["provenance"])
        assert {file.get_tensor(name).dtype for name in file.keys()} == {np.dtype(np.float16)}  # noqa: SIM118
    assert facts["data"]["dataset"].startswith("synthetic-herd")
    assert facts["features"].startswith("sift")


def test_the_shipped_network_has_a_threshold_of_its_own() -> None:
    assert LightGlueConfig(weights="herd").least == 0.3
    assert LightGlueConfig(weights="pretrained").least == 0.1
    assert LightGlueConfig(weights="herd", threshold=0).least == 0


def test_the_shipped_network_is_for_sift_alone() -> None:
    with pytest.raises(ValueError, match="for sift, not disk"):
        LightGlueConfig(features="disk", weights="herd")


def test_leaves_the_process_wide_attention_setting_alone() -> None:
    before = torch.backends.cuda.flash_sdp_enabled()
    trained()
    assert torch.backends.cuda.flash_sdp_enabled() == before
