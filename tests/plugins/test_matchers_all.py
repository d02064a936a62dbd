"""Every learned matcher with its features, end to end in a grid; none of the trained weights need be at hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from kornia.feature import ALIKED, DISK, LightGlue, LoFTR, XFeat
from safetensors.numpy import load_file
from safetensors.torch import save_file
from support import HERD
from torch import nn

pytestmark = pytest.mark.slow

GRID = f"""
[grid]
name = "matchers"

[protocol]
dataset = "{HERD}"
ks = [1, 3]
shortlist = 3
validation_images = 0.25
validation_individuals = 0.25

[axes]
backbone = "timm[model=resnet10t,weights=random,size=32]"
loss = "none"
matcher = [{{matchers}}]
fusion = "replace"
openset = "threshold"
"""


def networks() -> dict[str, nn.Module]:
    """Random networks by the name of their file, LightGlues as small as may be."""
    torch.manual_seed(0)
    size = {"descriptor_dim": 16, "n_layers": 1, "num_heads": 2}
    glues = {f"glue{dim}": LightGlue(None, input_dim=dim, **size) for dim in (64, 128)}
    xfeat = XFeat().net
    with torch.no_grad():
        xfeat.keypoint_head[-1].weight *= 20  # else no place stands out enough to be a keypoint
    return {"disk": DISK(), "aliked": ALIKED("aliked-n16"), "xfeat": xfeat, "loftr": LoFTR(None), **glues}


def test_learned_matchers_run_end_to_end(rows: Callable[..., list[dict[str, Any]]], tmp_path: Path) -> None:
    for name, network in networks().items():
        save_file(network.state_dict(), tmp_path / f"{name}.safetensors")
    glues = {"disk": "glue128", "aliked": "glue128", "xfeat": "glue64"}
    few = "max_keypoints=32,threshold=0"
    matchers = [
        f"lightglue[features={name}[weights={name}.safetensors],weights={glue}.safetensors,{few}]"
        for name, glue in glues.items()
    ]
    loftr = "weights=loftr.safetensors"
    matchers.append(f"loftr[features=loftr[{loftr},size=64],{loftr},max_keypoints=64,threshold=0,geometry=fundamental]")
    (tmp_path / "grid.toml").write_text(GRID.format(matchers=", ".join(f'"{matcher}"' for matcher in matchers)))
    found = rows("run", "--grid", tmp_path / "grid.toml")
    assert [row["status"] for row in found] == ["ok"] * 4, [row.get("reason") for row in found]
    assert all(row["counts"]["pairs"] == 48 for row in found)
    matched = defaultdict[Path, float](float)
    for part in (tmp_path / "store" / "collections").rglob("*.safetensors"):
        columns = load_file(part)
        if "inliers" in columns:
            matched[part.parent] += columns["count"].sum()
    assert len(matched) == 4
    assert all(matched.values()), "a matcher that matches nothing shows nothing"
