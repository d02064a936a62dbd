"""References by which every in-tree plugin is checked in seconds, and photographs for data sets that bring none."""

from __future__ import annotations

from pathlib import Path

NYALA = "nyala/wildlife_reidentification-main/Nyala_Data_Zero/train"
"""Where the package wildlife-datasets looks for NyalaData below ``nyala``; it reads whatever lies there."""

SMALL = {
    "backbone/timm": "timm[model=resnet10t,weights=random,size=32]",
    "backbone/resnet50": "resnet50[weights=random,size=32]",
    "backbone/efficientnet_b3": "efficientnet_b3[weights=random,size=32]",
    "dataset/synthetic-herd": "synthetic-herd[individuals=2,new_fraction=0,encounters=2,images=1,near_duplicates=0,"
    "size=64,workers=1]",
    "dataset/folder": "folder[root={root}/photos]",
    "dataset/wildlifereid10k": "wildlifereid10k[root={root}]",
    "dataset/wildlife-datasets": "wildlife-datasets[name=NyalaData,root={root}/nyala]",
    "openset/fixed": "fixed[at=0.5,score=cosine]",
}
"""``kind/name`` -> reference, where the name alone would not do, or needs weights that are not at hand."""


def small(kind: str, name: str, root: Path) -> str:
    """The reference of a plugin; ``root`` holds what :func:`lay` laid there."""
    return SMALL.get(f"{kind}/{name}", name).replace("{root}", str(root))


def lay(root: Path) -> None:
    """Four photographs of two individuals below ``root``, in each of the layouts that a data set reads."""
    from PIL import Image

    rows = ["identity,path,date,orientation,species,split,dataset,cluster_id"]
    for number, animal in enumerate(("1", "1", "2", "2")):
        picture = Image.new("RGB", (12, 8), (60 * number, 90, 30))
        for path in (f"photos/{animal}/{number}.png", f"{NYALA}/{animal}/{number}_left.jpg"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            picture.save(root / path)
        rows.append(f"Nyalas_{animal},photos/{animal}/{number}.png,,left,nyala,train,Nyalas,")
    (root / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
