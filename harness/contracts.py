"""What each kind of plugin must be able to do: small protocols, numpy at the border, torch only inside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from harness.answers import QueryScores, QueryTruth, Shortlist
from harness.packed import PackedFeatures, PairSummary
from harness.table import ImageTable
from harness.types import Image, LocalFeatures, PairMatches, Preprocess

if TYPE_CHECKING:
    from torch import nn


class Images(Protocol):
    """Photographs by position, decoded when asked for: ``images[i]`` is RGB uint8 [h, w, 3]."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Image: ...


class Progress(Protocol):
    """Where a stage tells how far it is."""

    def start(self, total: int, unit: str) -> None:
        """Begin a piece of work of ``total`` units."""

    def advance(self, n: int = 1, note: str = "") -> None:
        """``n`` more units are done; ``note`` is a short status such as the loss."""


class Checkpoint(Protocol):
    """A place for the state of an unfinished stage; it survives ``kill -9`` and is removed when the stage has ended."""

    def load(self) -> bytes | None:
        """The newest whole state, or None."""

    def save(self, state: bytes) -> None:
        """Replace the state at once (atomically)."""


@runtime_checkable
class Dataset(Protocol):
    """A set of photographs with identities. Its fingerprint is taken by the harness, from rows and image bytes."""

    def table(self) -> ImageTable:
        """Rows with roles still empty. Raises DataError, naming the row or file, where the metadata cannot be used."""

    def prepare(self, folder: Path) -> None:
        """Download or draw the files into ``folder``; nothing to do where they are there. Atomic: half is not ready."""


@runtime_checkable
class Backbone(Protocol):
    """A network that turns a photograph into a feature vector."""

    preprocess: Preprocess

    def module(self) -> nn.Module:
        """A fresh module, weights loaded: float [n, 3, h, w] (normalised) -> float [n, d]."""


@runtime_checkable
class Loss(Protocol):
    """A training objective with, where it has one, its own trainable head."""

    def head(self, dim: int, classes: int) -> nn.Module:
        """A module called with (embeddings float [n, dim], labels int64 [n]) -> scalar loss.

        The head of a loss that declares ``classifies`` also has ``logits(embeddings) -> [n, classes]``.
        """


@runtime_checkable
class Features(Protocol):
    """A local-feature extractor."""

    def extract(self, images: Sequence[Image]) -> list[LocalFeatures]:
        """Describe each image; one without keypoints gives empty features."""


@runtime_checkable
class Segmenter(Protocol):
    """Tells the animal from what is around it."""

    def segment(self, images: Sequence[Image]) -> list[Image]:
        """A mask uint8 [h, w] of each image's own size: 255 on the animal, 0 off it. Neighbours must not matter."""


@runtime_checkable
class Matcher(Protocol):
    """A local matcher: batched by contract; a pair's result must not depend on the batch that it came in."""

    def match(self, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> list[PairMatches]:
        """Match each (query, gallery) pair; an image without keypoints gives no matches."""


@runtime_checkable
class BlockMatcher(Matcher, Protocol):
    """A matcher that also takes pairs by the block, for speed. It finds what ``match`` finds, to 1e-4."""

    def match_block(self, images: PackedFeatures, pairs: NDArray[np.int64]) -> PairSummary:
        """Match pairs [m, 2] of rows (query, gallery) of ``images``; the pairs of one query come together.

        One object ``images`` is handed over for many calls: :func:`harness.device.resident` uploads it once.
        """


@runtime_checkable
class Fusion(Protocol):
    """A rule that orders a shortlist from global and local scores."""

    def fit(self, shortlist: Shortlist, truth: NDArray[np.bool_]) -> Self:
        """Learn from the validation queries; ``truth`` [q, k] tells which candidate is the right animal.

        Pairs of an image with its own copy are not among them.
        """

    def rank(self, shortlist: Shortlist) -> NDArray[np.float64]:
        """A score for each candidate [q, k], higher is better. Equal scores are ordered by the global score."""


@runtime_checkable
class OpenSetRule(Protocol):
    """A rule that tells known animals from new ones."""

    def fit(self, scores: QueryScores, truth: QueryTruth) -> Self:
        """Learn from the validation queries. Test queries and their truth are never handed to a rule."""

    def decide(self, scores: QueryScores) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """(known [q], confidence of "known" [q], higher is more surely known)."""
