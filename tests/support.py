"""A herd, a backbone and a grid small enough for seconds."""

from __future__ import annotations

HERD = "synthetic-herd[individuals=8,encounters=4,images=2,size=64,workers=1]"
BACKBONE = "timm[model=resnet10t,weights=random,size=32]"
SMALL = f"""
[grid]
name = "small"

[protocol]
dataset = "{HERD}"
ks = [1, 5, 10]
shortlist = 10
validation_images = 0.25
validation_individuals = 0.25

[train]
epochs = 2
batch_size = 8
embedding = 16

[axes]
backbone = "{BACKBONE}"
loss = ["none", "arcface"]
matcher = ["none", "mutual-nn[max_keypoints=48]"]
fusion = "replace"
openset = "threshold"
"""
REPORTED = f"""
[grid]
name = "reported"

[protocol]
dataset = "synthetic-herd[individuals=20,encounters=4,images=2,size=96,workers=1]"
ks = [1, 5, 10]
shortlist = 10
validation_images = 0.2
validation_individuals = 0.2

[train]
epochs = 2
batch_size = 16
embedding = 16

[axes]
backbone = "{BACKBONE}"
loss = ["none", "arcface"]
matcher = ["none", "mutual-nn[max_keypoints=64]"]
fusion = ["replace", "sum"]
openset = ["threshold", "threshold[score=cosine]", "quantile", "always-new"]
"""
"""What a report shows: several rankings, several rules on each, masks."""
