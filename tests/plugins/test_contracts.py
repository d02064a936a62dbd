"""The conformance kit on every in-tree plugin, found through the registry: none can be without its contract."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.registry import Registry
from harness.specs import KINDS
from harness.testing import CONTRACTS, DatasetContract, samples

REFERENCES: dict[tuple[str, str], tuple[str, ...]] = {
    ("dataset", "wildlife-datasets"): ("wildlife-datasets[name=NyalaData]",),
    ("dataset", "synthetic-herd"): (
        "synthetic-herd[individuals=2,new_fraction=0,encounters=2,images=1,near_duplicates=0,size=64,workers=1]",
    ),
    ("backbone", "timm"): (
        "timm[model=test_convnext,size=64]",
        "timm[model=test_vit,weights=random,mean=0.5,std=0.25]",
    ),
    ("backbone", "resnet50"): ("resnet50[size=32]",),
    ("backbone", "efficientnet_b3"): ("efficientnet_b3[size=32]",),
    ("loss", "triplet"): ("triplet", "triplet[mining=hard,margin=1.0]"),
    ("segmenter", "hub"): ("hub", "hub[weights=FILE,size=64]"),
    ("features", "aliked"): ("aliked", "aliked[weights=FILE]"),
    ("features", "disk"): ("disk", "disk[weights=FILE]"),
    ("features", "loftr"): ("loftr", "loftr[weights=FILE,size=64]"),
    ("features", "xfeat"): ("xfeat", "xfeat[weights=FILE]"),
    ("matcher", "loftr"): ("loftr", "loftr[features=loftr[weights=FILE,size=64],weights=FILE,threshold=0,border=0]"),
    ("features", "sift"): ("sift", "sift[size=100,rootsift=false,max_keypoints=50]"),
    ("matcher", "mutual-nn"): (
        "mutual-nn",
        "mutual-nn[ratio=1,geometry=none]",
        "mutual-nn[geometry=homography,batch=2]",
    ),
    ("fusion", "replace"): ("replace", "replace[by=normalised]"),
    ("fusion", "sum"): ("sum", "sum[local=normalised,weight=0.7]"),
    ("openset", "fixed"): ("fixed[at=0.5]",),
    ("openset", "threshold"): ("threshold", "threshold[score=normalised-count,per=dataset]", "threshold[score=fused]"),
}
"""What stands for a plugin, where its name alone is slow, lacks a setting, or leaves something out."""

LAYOUTS = {
    "folder": ("Ann/1.png", "Ann/2.png", "Bob/may/3.png", "Bob/may/4.png"),
    "wildlifereid10k": ("images/Cats/1.png", "images/Cats/2.png", "images/Cats/3.png", "images/Cats/4.png"),
    "wildlife-datasets": tuple(
        f"wildlife_reidentification-main/Nyala_Data_Zero/{name}"
        for name in ("train/3/1_left.jpg", "train/3/2_right.jpg", "test/3/3_left.jpg", "train/14/4.jpg")
    ),
}
"""The photographs of a tiny sample, by data set."""


def lay(name: str, root: Path) -> dict[str, str]:
    """Write the sample of a data set below ``root``, and say where it is."""
    for number, path in enumerate(LAYOUTS[name]):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(samples.picture(24, 32, number)).save(root / path)
    if name == "wildlifereid10k":
        columns = ("identity", "path", "date", "orientation", "species", "split", "dataset", "cluster_id")
        with (root / "metadata.csv").open("w", encoding="utf-8", newline="") as handle:
            rows = csv.writer(handle)
            rows.writerow(columns)
            for number, path in enumerate(LAYOUTS[name]):
                rows.writerow((f"Cats_{number % 2}", path, "", "left", "cat", "train", "Cats", ""))
    return {"root": str(root)}


def random_network(name: str, file: Path) -> Path:
    """A network with random weights in a file, as small as may be: what no machine without a hub can load else."""
    import torch
    from kornia import feature
    from safetensors.torch import save_file
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

    torch.manual_seed(0)
    made: dict[str, Callable[[], torch.nn.Module]] = {
        "aliked": lambda: feature.ALIKED("aliked-n16"),
        "disk": feature.DISK,
        "hub": lambda: deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=21),
        "loftr": lambda: feature.LoFTR(None),
        "xfeat": lambda: feature.XFeat().net,
    }
    network = made[name]()
    if name == "xfeat":
        with torch.no_grad():
            network.keypoint_head[-1].weight *= 20  # else no place stands out enough to be a keypoint
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, file)
    return file


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a random network, by its name."""
    folder = tmp_path_factory.mktemp("networks")
    return cache(lambda name: random_network(name, folder / f"{name}.safetensors"))


def with_file(ref: str) -> Any:
    """A fixture that puts the path of a random network for ``FILE``."""

    @pytest.fixture(autouse=True)
    def named(self: Any, networks: Callable[[str], Path]) -> None:
        self.plugin = ref.replace("FILE", str(networks(ref.partition("[")[0])))

    return named


def contract(kind: str, ref: str) -> type:
    """The test class of one reference."""
    name, members = ref.partition("[")[0], dict[str, Any](plugin=ref, __module__=__name__)
    if name in LAYOUTS:
        members["sample"] = lambda self, folder: lay(name, folder)
    if "FILE" in ref:
        members["named"] = with_file(ref)
    title = re.sub(r"\W+", "", f"{kind} {ref}".replace("=", " is ").title())
    return type(f"Test{title}", (CONTRACTS[kind],), members)


def in_tree() -> list[tuple[str, str]]:
    """Kind and name of every plugin of this repository."""
    registry = Registry.load()
    assert not registry.broken, registry.broken
    found = [(kind, entry) for kind in KINDS for entry in registry.entries(kind)]
    return [(kind, entry.spec.name) for kind, entry in found if entry.source.startswith("in-tree")]


for _kind, _name in in_tree():
    for _ref in REFERENCES.get((_kind, _name), (_name,)):
        _contract = contract(_kind, _ref)
        globals()[_contract.__name__] = _contract
del _contract  # else pytest would collect the last one twice


def test_every_in_tree_plugin_has_its_contract() -> None:
    tested = {
        (contract.kind, contract.plugin.partition("[")[0])
        for contract in globals().values()
        if isinstance(contract, type) and contract.__name__.startswith("Test")
    }
    assert tested == set(in_tree())
    assert set(REFERENCES) <= tested, "a reference to a plugin that is no more"
    assert issubclass(globals()["TestDatasetFolder"], DatasetContract)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_sample_of_a_data_set_is_its_own(name: str, tmp_path: Path) -> None:
    assert lay(name, tmp_path)["root"] == str(tmp_path)
    assert all((tmp_path / path).is_file() for path in LAYOUTS[name])
