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
BATCH = 10
"""Pairs that are matched together."""
MATCH, BACKGROUND, OUTLIER = "match", "in the background", "outlier"
CLASSES = (MATCH, BACKGROUND, OUTLIER)
"""What a match may be: an outlier of the geometric check, with an end in the background, or neither."""


@dataclass(frozen=True, eq=False)
class DrawnPair:
    """A query and a gallery image, by their rows, with their matches.

    ``sizes``: (width, height) of both in pixels; ``keypoints``: (x, y) of both, float32 [n, 2] and [m, 2];
    ``indices`` int32 [k, 2], the matches between them; ``scores`` [k]; ``inliers`` bool [k]; ``on`` bool [k], whether
    both ends lie on the animal, None where one of the two has no mask. ``checked``: whether a geometry was asked for.
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
    def classes(self) -> NDArray[np.str_]:
        """Which of :data:`CLASSES` each match is; [k]."""
        off = ~self.on if self.on is not None else np.zeros(len(self), np.bool_)
        return np.select([~self.inliers & self.checked, off], [OUTLIER, BACKGROUND], MATCH)

    @property
    def share(self) -> float | None:
        """The share of the matches on the animal at both ends; None without masks or matches."""
        return float(self.on.mean()) if self.on is not None and len(self.on) else None

    @property
    def empty(self) -> list[str]:
        """Which of the two images have no keypoint."""
        names = ("query", "gallery image")
        return [name for name, points in zip(names, self.keypoints, strict=True) if not len(points)]

    @property
    def words(self) -> str:
        """What is seen, in a sentence."""
        told = [f"{len(self)} matches between {len(self.keypoints[0])} and {len(self.keypoints[1])} keypoints"]
        if self.checked:
            told.append(f"{int(self.inliers.sum())} agree with one geometry")
        if self.on is not None and len(self):
            told.append(f"{int(self.on.sum())} lie on the animal at both ends")
        told += [f"the {name} has no keypoint" for name in self.empty]
        return ", ".join(told) + "."


def drawn(replay: Replay, pairs: Sequence[tuple[int, int]]) -> Iterator[DrawnPair]:
    """Match these (query row, gallery row), a few at a time, and tell which matches lie on the animal.

    Raises:
        Gone: the store has lost the features; HarnessError: the matcher cannot run here, or a mask cannot be read.
    """
    masks, table = replay.masks(), replay.data.table
    queries = np.flatnonzero(table.role == "query")
    galleries = np.flatnonzero(np.isin(table.role, ("train", "validation", "gallery")))
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        for (query, gallery), seen in zip(batch, replay.matches(batch), strict=True):
            on = _on(seen, masks, (int(queries[query]), int(galleries[gallery])))
            yield _drawn(query, gallery, seen, on, _checked(replay))


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
    """Which matches have both ends on the animal; None where that is not known."""
    if masks is None or (masks.exact and (masks.table.mask[list(rows)] == "").any()):
        return None
    ends = zip((seen.query, seen.gallery), rows, seen.matches.indices.T, strict=True)
    lying = [lie_on(image.keypoints, masks.sized(row, image.size))[places] for image, row, places in ends]
    return np.asarray(lying[0] & lying[1], np.bool_)


def _checked(replay: Replay) -> bool:
    """Whether the matcher was asked for a geometric check."""
    config = replay.cell.matcher.config if replay.cell.matcher else None
    return getattr(config, "geometry", "none") != "none"
