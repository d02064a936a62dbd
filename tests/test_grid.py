"""Grids: axes, references, overrides, filters, skips with reasons, and faults told before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import grid as grids
from harness.errors import GridError, HarnessError, PluginError
from harness.registry import Registry

TINY = "timm[model=resnet10t,weights=random,size=32]"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load()


def raw(**axes: Any) -> dict[str, Any]:
    return {"axes": {"backbone": TINY, **axes}}


def test_lists_are_axes_and_their_product_is_the_grid(registry: Registry) -> None:
    made = grids.expand(raw(loss=["none", "arcface"], matcher=["none", "mutual-nn"], fusion="replace"), registry)
    assert [(c.label("loss"), c.label("matcher"), c.label("fusion")) for c in made.cells] == [
        ("none", "none", "none"),
        ("none", "mutual-nn", "replace"),
        ("arcface", "none", "none"),
        ("arcface", "mutual-nn", "replace"),
    ]


def test_a_list_inside_a_plugin_table_and_in_train_is_an_axis_too(registry: Registry) -> None:
    matcher = {"name": "mutual-nn", "max_keypoints": [64, 128]}
    made = grids.expand(
        {**raw(matcher=matcher, fusion="replace", loss="arcface"), "train": {"epochs": [1, 2]}}, registry
    )
    seen = {(c.label("matcher"), c.train.epochs) for c in made.cells}
    assert seen == {(f"mutual-nn[max_keypoints={k}]", e) for k in (64, 128) for e in (1, 2)}


def test_several_axes_blocks_are_united_and_a_cell_in_both_counts_once(registry: Registry) -> None:
    blocks = [{"backbone": TINY, "loss": ["none", "arcface"]}, {"backbone": TINY, "loss": ["arcface", "softmax"]}]
    made = grids.expand({"axes": blocks}, registry)
    assert [c.label("loss") for c in made.cells] == ["none", "arcface", "softmax"]


def test_a_block_may_train_in_its_own_way(registry: Registry) -> None:
    blocks = [{"backbone": TINY, "loss": "arcface"}, {"backbone": TINY, "loss": "softmax", "train": {"epochs": 7}}]
    made = grids.expand({"axes": blocks, "train": {"epochs": 2, "lr": 0.01}}, registry)
    assert [(c.train.epochs, c.train.lr) for c in made.cells] == [(2, 0.01), (7, 0.01)]


def test_training_settings_do_not_multiply_frozen_cells(registry: Registry) -> None:
    made = grids.expand({**raw(loss="none"), "train": {"epochs": [1, 2, 3]}}, registry)
    assert len(made.cells) == 1


def test_the_features_of_a_matcher_take_its_keypoint_limit_unless_they_set_their_own(registry: Registry) -> None:
    matchers = [
        "mutual-nn[features=sift,max_keypoints=99]",
        "mutual-nn[features=sift[max_keypoints=7],max_keypoints=99]",
    ]
    made = grids.expand(raw(matcher=matchers, fusion="replace"), registry)
    assert [c.features.config.max_keypoints for c in made.cells if c.features] == [99, 7]  # type: ignore[attr-defined]


def test_a_label_holds_no_path_also_inside_the_features(registry: Registry, tmp_path: Path) -> None:
    weights = tmp_path / "xfeat.safetensors"
    weights.write_bytes(b"x")
    matcher = f"lightglue[features=xfeat[weights={weights}],max_keypoints=64]"
    (cell,) = grids.expand(raw(matcher=matcher, fusion="replace"), registry).cells
    assert cell.label("matcher").startswith("lightglue[features=xfeat[weights=xfeat.safetensors@")
    assert str(tmp_path) not in cell.label("matcher") + str(cell.settings("matcher")) + str(cell.settings("features"))


def test_impossible_combinations_are_kept_with_a_reason(registry: Registry) -> None:
    made = grids.expand(raw(matcher=["none", "mutual-nn"], openset="threshold[score=count]"), registry)
    reasons = {c.label("matcher"): c.skip for c in made.cells}
    assert "no matcher" in reasons["none"]
    assert "fusion" in reasons["mutual-nn"]


def test_weights_that_cannot_be_had_skip_the_cell(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HARNESS_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    matchers = ["lightglue[features=sift,weights=pretrained]", "lightglue[features=sift]"]
    official, shipped = grids.expand(raw(matcher=matchers, fusion="replace"), registry).cells
    assert "lightglue" in official.skip
    assert "weights" in official.skip
    assert shipped.skip == ""
    assert shipped.label("matcher") == "lightglue[weights=herd]"  # never in the official one's place in silence


def test_no_cell_of_the_demo_grid_is_skipped_without_a_hub(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HARNESS_OFFLINE", "1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cells = grids.expand(grids.read("demo"), registry).cells
    assert [cell.title for cell in cells if cell.skip] == []
    assert any(cell.label("matcher").startswith("lightglue") for cell in cells)


def test_every_built_in_grid_is_valid(registry: Registry) -> None:
    assert "demo" in grids.names()
    for name in grids.names():
        assert grids.expand(grids.read(name), registry).cells


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"axis": {}}, "did you mean 'axes'"),
        ({"axes": {"backbon": TINY}}, "did you mean 'backbone'"),
        ({"axes": {}}, "axis 'backbone' is empty"),
        ({"axes": {"backbone": "resnet05"}}, "resnet50"),
        ({"axes": {"backbone": "resnet50[wieghts=random]"}}, "weights"),
        ({"axes": {"backbone": TINY, "loss": "arcface[margin=wide]"}}, "margin"),
        ({"axes": {"backbone": TINY, "loss": [3]}}, "axis 'loss' has 3"),
        ({"axes": "resnet50"}, "is no table"),
        ({"axes": {"backbone": TINY}, "train": {"epoch": 3}}, "did you mean 'epochs'"),
        ({"axes": {"backbone": TINY}, "protocol": {"ks": [5, 1]}}, "rising"),
        ({"axes": {"backbone": TINY}, "protocol": {"shortlist": 5}}, "shortlist"),
        ({"axes": {"backbone": TINY}, "grid": {"seeds": []}}, "seeds"),
    ],
)
def test_a_typo_is_an_error_that_names_it(registry: Registry, broken: dict[str, Any], told: str) -> None:
    with pytest.raises(HarnessError) as caught:
        grids.expand(broken, registry)
    assert told.lower() in str(caught.value).lower()


def test_all_faults_of_the_axes_are_told_at_once(registry: Registry) -> None:
    with pytest.raises(GridError) as caught:
        grids.expand(raw(loss="arcfase", matcher="lightgleu"), registry)
    assert "arcface" in str(caught.value)
    assert "lightglue" in str(caught.value)


def test_overrides_are_typed_and_wrong_ones_refused(registry: Registry) -> None:
    changed = grids.override(raw(loss="arcface"), ["train.epochs=3", "protocol.split_seed=7", "axes.loss=softmax"])
    made = grids.expand(changed, registry)
    assert (made.cells[0].train.epochs, made.protocol.split_seed, made.cells[0].label("loss")) == (3, 7, "softmax")
    for wrong in ("train.epochs", "epochs=3", "train=3"):
        with pytest.raises(GridError, match=r"section\.setting=value"):
            grids.override(raw(), [wrong])


def test_only_keeps_matching_cells_and_says_when_none_is_left(registry: Registry) -> None:
    made = grids.expand(raw(loss=["none", "arcface", "cosface"]), registry, ["loss=*face"])
    assert [c.label("loss") for c in made.cells] == ["arcface", "cosface"]
    with pytest.raises(GridError, match="leaves no cell"):
        grids.expand(raw(loss="none"), registry, ["loss=arcface"])
    for wrong, told in {"los=arcface": "no axis 'los'", "arcface": "axis=pattern"}.items():
        with pytest.raises(GridError, match=told):
            grids.expand(raw(), registry, [wrong])


def test_reading_a_grid_that_is_not_there_or_not_toml(tmp_path: Path) -> None:
    with pytest.raises(GridError, match="Did you mean 'demo'"):
        grids.read("dmeo")
    bad = tmp_path / "bad.toml"
    bad.write_text("[grid\n")
    with pytest.raises(GridError, match="line 1"):
        grids.read(str(bad))


def test_two_plugins_of_one_name_are_fatal_only_when_named(tmp_path: Path) -> None:
    for name in ("one", "two"):
        source = "from harness import FusionSpec, hookimpl\n@hookimpl\ndef harness_fusions():\n"
        (tmp_path / f"{name}.py").write_text(f"{source}    yield FusionSpec(name='twin', version='1', build=print)\n")
    registry = Registry.load([tmp_path / "one.py", tmp_path / "two.py"])
    assert grids.expand(raw(), registry).cells
    with pytest.raises(PluginError, match=r"one\.py.*two\.py"):
        grids.expand(raw(matcher="mutual-nn", fusion="twin"), registry)


def test_the_id_of_a_cell_changes_with_every_choice(registry: Registry) -> None:
    cells = grids.expand(
        {**raw(loss=["none", "arcface", "arcface[margin=0.3]"]), "grid": {"seeds": [0, 1]}}, registry
    ).cells
    assert len({c.id for c in cells}) == len(cells) == 6


def test_a_fusion_without_matches_stands_in_cells_without_a_matcher(registry: Registry) -> None:
    axes = raw(matcher=["none", "mutual-nn"], fusion=["replace", "k-reciprocal"])
    cells = grids.expand(axes, registry).cells
    assert [(c.label("matcher"), c.label("fusion"), bool(c.skip)) for c in cells] == [
        ("none", "none", False),
        ("none", "k-reciprocal", False),
        ("mutual-nn", "replace", False),
        ("mutual-nn", "k-reciprocal", True),
    ]
    assert "does not look at matches" in cells[3].skip
    assert [cell.neighbours for cell in cells] == [0, 20, 0, 20]


def test_a_rule_that_looks_at_the_fusion_is_skipped_without_one(registry: Registry) -> None:
    axes = raw(matcher=["none", "mutual-nn"], fusion="sum", openset="best-product[score=fused]")
    cells = grids.expand(axes, registry).cells
    assert [(c.label("fusion"), bool(c.skip)) for c in cells] == [("none", True), ("sum", False)]
    assert "the cell has no fusion" in cells[0].skip


def test_a_pattern_may_hold_commas_between_brackets(registry: Registry) -> None:
    one = "threshold[score=cosine,per=dataset]"
    axes = raw(openset=["threshold", one, "always-new"])
    for only, expected in ((f"openset={one}", [one]), (f"openset={one},always-new", [one, "always-new"])):
        assert [cell.label("openset") for cell in grids.expand(axes, registry, [only]).cells] == expected


def masked(registry: Registry, features: str) -> Any:
    made = grids.expand(raw(matcher=f"mutual-nn[features={features}]", fusion="replace"), registry)
    return made.cells[0]


def test_masked_features_show_in_the_table_and_have_a_place_of_their_own(registry: Registry) -> None:
    settings = ["", "[mask=keypoints]", "[mask=pixels]", "[mask=keypoints,segmenter=grabcut[iterations=2]]"]
    cells = [masked(registry, f"sift{text}") for text in settings]
    assert [cell.label("matcher") for cell in cells] == [
        f"mutual-nn[features=sift{text}]" if text else "mutual-nn" for text in settings
    ]
    assert len({cell.id for cell in cells}) == 4
    assert [cell.skip for cell in cells] == [""] * 4
    assert [cell.segmenter.label if cell.segmenter else "" for cell in cells] == [*[""] * 3, "grabcut[iterations=2]"]


def test_a_cell_of_features_without_a_mask_has_the_place_that_it_had_before_there_were_any(registry: Registry) -> None:
    """The id was written down when features had no such settings."""
    assert masked(registry, "sift[max_keypoints=7]").id == "34ba80064b1abe39"


def test_a_segmenter_is_checked_with_the_grid(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"(?s)no segmenter called 'grabcat'.*Did you mean grabcut"):
        masked(registry, "sift[segmenter=grabcat]")
    with pytest.raises(GridError, match="segmenter 'grabcut': no setting 'rounds'"):
        masked(registry, "sift[mask=pixels,segmenter=grabcut[rounds=3]]")
    with pytest.raises(GridError, match="mask = 'some'"):
        masked(registry, "sift[mask=some]")
    weights = tmp_path / "gone.pth"
    cell = masked(registry, f"sift[mask=pixels,segmenter=hub[weights={weights}]]")
    assert cell.skip.startswith("segmenter hub: weights file")
    assert str(tmp_path) not in cell.label("matcher") + str(cell.settings("features"))
    assert masked(registry, f"sift[segmenter=hub[weights={weights}]]").skip == ""  # nothing is masked
