"""The contamination register is whole, and names the intended checkpoints and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.contamination import Checkpoint, Seen, contaminated, mark, read, seen
from harness.errors import DataError

MEGA = {"model": "hf-hub:BVRA/MegaDescriptor-L-384", "weights": "pretrained"}
MOBILENET = "mobilenetv2_100_imagenet.safetensors@2c2f582c"
ENTRY = {"name": "a", "models": ["b"], "source": "c", "licence": "d"}


def entry_of(model: str) -> str:
    """Name of the first entry that fits a model: found as ``seen`` finds it, through the source that it gives."""
    found = seen({"model": model, "weights": "pretrained"})
    names = [entry.name for entry in read() if entry.source == found.source]
    return names[0] if names else ""


def test_every_entry_has_a_source_a_licence_and_something_to_find_it_by() -> None:
    entries = read()
    assert len(entries) > 8
    for entry in entries:
        assert len(entry.source) > 20, entry.name
        assert entry.licence
        assert entry.models or entry.sha256, entry.name
        assert list(entry.datasets) == sorted(set(entry.datasets)), entry.name
    assert len({entry.source for entry in entries}) == len(entries)
    assert len({entry.name for entry in entries}) == len(entries)


def test_an_entry_is_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read()[0].unknown = True  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [
        {"sauce": "x"},
        {"source": ""},
        {"source": "  "},
        {"models": []},
        {"sha256": ["2c2f582c"]},
        {"licence": ""},
        {"datasets": [""]},
    ],
)
def test_a_wrong_entry_is_refused(wrong: dict[str, object]) -> None:
    assert Checkpoint.model_validate(ENTRY).models == ("b",)
    with pytest.raises(ValueError, match="validation error"):
        Checkpoint.model_validate({**ENTRY, **wrong})


@pytest.mark.parametrize("text", ["[[checkpoint]\n", '[[checkpoint]]\nname = "a"\nmodels = ["b"]\nlicence = "d"\n'])
def test_a_damaged_register_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "register.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=r"register\.toml"):
        read(path)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("hf-hub:BVRA/MegaDescriptor-T-224", "MegaDescriptor, Swin"),
        ("hf-hub:BVRA/MegaDescriptor-B-224", "MegaDescriptor, Swin"),
        ("BVRA/MegaDescriptor-S-224", "MegaDescriptor, Swin"),
        ("hf-hub:BVRA/MegaDescriptor-L-224", "MegaDescriptor, Swin"),
        ("hf-hub:BVRA/MegaDescriptor-L-384@main", "MegaDescriptor, Swin"),
        ("hf-hub:BVRA/MegaDescriptor-DINOv2-518", "MegaDescriptor, later ones"),
        ("hf-hub:BVRA/MegaDescriptor-CLIP-336", "MegaDescriptor, later ones"),
        ("hf-hub:BVRA/MegaDescriptor-T-CNN-288", "MegaDescriptor, later ones"),
        ("hf-hub:conservationxlabs/miewid-msv2", "MiewID"),
        ("hf-hub:conservationxlabs/miewid-msv3", "MiewID"),
        ("vit_base_patch14_dinov2.lvd142m", "DINOv2"),
        ("vit_base_patch14_reg4_dinov2.lvd142m", "DINOv2"),
        ("vit_base_patch16_dinov3.lvd1689m", "DINOv3"),
        ("convnext_tiny.dinov3_lvd1689m", "DINOv3"),
        ("vit_base_patch16_clip_224.openai", "CLIP"),
        ("vit_base_patch16_clip_224.openai_ft_in12k_in1k", "CLIP"),
        ("vit_large_patch14_clip_224.laion2b_ft_in12k_in1k", "OpenCLIP on LAION"),
        ("convnext_base.clip_laion2b_augreg_ft_in1k", "OpenCLIP on LAION"),
        ("resnext101_32x8d.fb_swsl_ig1b_ft_in1k", "other weights from images of the web"),
        ("resnet50.fb_ssl_yfcc100m_ft_in1k", "other weights from images of the web"),
        ("tf_efficientnet_b7.ns_jft_in1k", "other weights from images of the web"),
        ("regnety_160.swag_ft_in1k", "other weights from images of the web"),
        ("vit_base_patch16_siglip_224.webli", "other weights from images of the web"),
        ("resnet50.a1_in1k", "ImageNet-1k"),
        ("hf-hub:timm/resnet50.a1_in1k", "ImageNet-1k"),
        ("mobilenetv2_100.ra_in1k", "ImageNet-1k"),
        ("efficientnet_b3.ra2_in1k", "ImageNet-1k"),
        ("mobilenetv4_conv_small.e2400_r224_in1k", "ImageNet-1k"),
        ("swin_large_patch4_window12_384.ms_in22k", "ImageNet-21k, -22k or -12k"),
        ("convnext_tiny.in12k_ft_in1k", "ImageNet-21k, -22k or -12k"),
        ("vit_base_patch16_224.augreg2_in21k_ft_in1k", "ImageNet-21k, -22k or -12k"),
        # in no entry
        ("hf-hub:me/MegaDescriptor-L-384", ""),
        ("hf-hub:me/resnet50.a1_in1k", ""),
        ("hf-hub:BVRA/TurtleDetector", ""),
        ("hf-hub:conservationxlabs/else", ""),
        ("resnet50.mine_ft_in1k", ""),
        ("eva_giant_patch14_336.m30m_ft_in22k_in1k", ""),
        ("eva_large_patch14_196.in22k_ft_in1k", ""),  # its teacher is CLIP
        ("tiny_vit_21m_224.dist_in22k_ft_in1k", ""),
        ("beitv2_base_patch16_224.in1k_ft_in22k_in1k", ""),
        ("eva_giant_patch14_224.clip_ft_in1k", ""),
        ("some_new_network", ""),
        ("", ""),
    ],
)
def test_a_pattern_fits_the_intended_names_only(model: str, name: str) -> None:
    assert entry_of(model) == name


def test_what_is_not_registered_is_unknown_and_says_so() -> None:
    for settings in (
        {"model": "some_new_network", "weights": "pretrained"},
        {"model": "resnet50.a1_in1k", "weights": "mine.safetensors@0123abcd"},
        {"model": "resnet50.a1_in1k", "weights": "mine.safetensors@missing"},
        {"model": "resnet50.a1_in1k", "weights": "mine.safetensors@2c"},
        {"model": "resnet50.a1_in1k"},
        {},
    ):
        found = seen(settings)
        assert found.unknown, settings
        assert not found.datasets
        assert "not in the contamination register" in found.source


def test_random_weights_have_seen_nothing() -> None:
    assert seen({**MEGA, "weights": "random"}) == Seen(source="random weights")
    assert mark(seen({**MEGA, "weights": "random"}), {"NyalaData"}) == ""


def test_a_file_is_known_by_its_content_whatever_its_name_and_model() -> None:
    found = seen({"model": "mobilenetv2_100", "weights": MOBILENET})
    assert not found.unknown
    assert not found.datasets
    assert "statistics" in found.remark
    assert seen({"model": "other", "weights": "renamed.pth@2c2f582c"}) == found
    assert mark(found, {"NyalaData", "LionData"}) == ""


def test_a_plugin_without_a_model_stands_for_its_own() -> None:
    assert not seen({"weights": "pretrained", "size": 96}, "resnet50").unknown
    assert not seen({"weights": "pretrained"}, "efficientnet_b3").unknown
    assert seen({"weights": "pretrained"}, "foreign-plugin").unknown
    assert seen({"weights": "pretrained", "model": MEGA["model"]}, "timm").datasets, "a model goes before the plugin"


def test_megadescriptor_is_contaminated_where_it_was_trained_and_nowhere_else() -> None:
    found = seen(MEGA)
    assert contaminated(found, {"NyalaData", "LionData", "CatIndividualImages"}) == ("LionData", "NyalaData")
    assert mark(found, {"NyalaData", "LionData", "CatIndividualImages"}) == "seen: LionData, NyalaData"
    assert mark(found, {"CatIndividualImages"}) == ""
    assert contaminated(found, {"SeaTurtleID2022"}) == ("SeaTurtleID2022",)


def test_the_marks() -> None:
    both = Seen(frozenset({"ATRW"}), unknown=True)
    assert mark(both, {"ATRW"}) == "seen: ATRW"
    assert mark(both, {"CTai"}) == "unknown"
    assert mark(Seen(frozenset({"ATRW"})), {"CTai"}) == ""
    assert mark(both, set()) == ""


@pytest.mark.parametrize("name", ["SyntheticHerd", "synthetic-herd"])
def test_drawn_data_has_been_seen_by_nobody(name: str) -> None:
    unknown = Seen(unknown=True)
    assert mark(unknown, {name}) == ""
    assert mark(unknown, {name, "CTai"}) == "unknown"
    assert contaminated(Seen(frozenset({name})), {name}) == ()
