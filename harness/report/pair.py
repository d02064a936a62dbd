"""A pair of photographs with its matches, as it is drawn: where its keypoints lie, and of which class each match is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.masks import Masks
from harness.replay import Replay, SeenPair
from harness.stages.masking import lie_on
from harness.types import Floats

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DrawnPair:
    """A query and a gallery image, by their rows, with their matches.

    ``sizes``: (width, height) of both in pixels; ``keypoints``: (x, y) of both, float32 [n, 2] and [m, 2];
    ``indices`` int32 [k, 2], the matches between them; ``scores`` [k]; ``inliers`` bool [k]; ``on`` bool [k], whether
    both ends lie on the animal, None without masks. ``checked``: whether a geometry was asked for.
    """

    query: int
    gallery: int
    sizes: tuple[tuple[int, int], tuple[int, int]]
    keypoints: tuple[Floats, Floats]
    indices: NDArray[np.int32]
    scores: Floats
    inliers: Flags
    on: Flags | None
    checked: bool

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def share(self) -> float | None:
        """The share of the matches on the animal at both ends; None without masks or matches."""
        return float(self.on.mean()) if self.on is not None and len(self.on) else None

    @property
    def words(self) -> str:
        """What is seen, in a sentence."""
        told = [f"{len(self)} matches between {len(self.keypoints[0])} and {len(self.keypoints[1])} keypoints"]
        if self.checked:
            told.append(f"{int(self.inliers.sum())} agree with one geometry")
        if self.on is not None and len(self):
            told.append(f"{int(self.on.sum())} lie on the animal at both ends")
        empty = [
            name for name, points in zip(("query", "gallery image"), self.keypoints, strict=True) if not len(points)
        ]
        told += [f"the {name} has no keypoint" for name in empty]
        return ", ".join(told) + "."


def drawn(replay: Replay, pairs: Sequence[tuple[int, int]]) -> Iterator[DrawnPair]:
    """Match these (query row, gallery row), and tell which matches lie on the animal.

    Raises:
        Gone: the store has lost the features; HarnessError: the matcher cannot run here, or a mask cannot be read.
    """
    masks, table = replay.masks(), replay.data.table
    rows = {"query": np.flatnonzero(table.role == "query")}
    rows["gallery"] = np.flatnonzero(np.isin(table.role, ("train", "validation", "gallery")))
    for (query, gallery), seen in zip(pairs, replay.matches(pairs), strict=True):
        places = int(rows["query"][query]), int(rows["gallery"][gallery])
        yield _drawn(query, gallery, seen, _on(seen, masks, places), _checked(replay))


def _drawn(query: int, gallery: int, seen: SeenPair, on: Flags | None, checked: bool) -> DrawnPair:
    matches, both = seen.matches, (seen.query, seen.gallery)
    return DrawnPair(
        query,
        gallery,
        (both[0].size, both[1].size),
        (both[0].keypoints, both[1].keypoints),
        matches.indices,
        matches.scores,
        matches.inliers,
        on,
        checked,
    )


def _on(seen: SeenPair, masks: Masks | None, rows: tuple[int, int]) -> Flags | None:
    """Which matches have both ends on the animal."""
    if masks is None:
        return None
    ends = zip((seen.query, seen.gallery), rows, seen.matches.indices.T, strict=True)
    lying = [lie_on(image.keypoints, masks.sized(row, image.size))[places] for image, row, places in ends]
    return np.asarray(lying[0] & lying[1], np.bool_)


def _checked(replay: Replay) -> bool:
    """Whether the matcher was asked for a geometric check."""
    config = replay.cell.matcher.config if replay.cell.matcher else None
    return getattr(config, "geometry", "none") != "none"
