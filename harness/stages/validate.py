"""The validation R-1 that is followed during training: a diagnostic on a bounded number of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Images, Progress
from harness.stages.embed import features
from harness.stages.loading import Some, decode_all
from harness.types import Floats, Preprocess

if TYPE_CHECKING:
    from torch import nn

Labels = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Validation:
    """Photographs to follow training with; labels are identities as integers, common to queries [q] and gallery [g],
    whatever the loss is trained to tell apart. No image is in both."""

    query: Images
    query_labels: Labels
    gallery: Images
    gallery_labels: Labels


@dataclass(frozen=True, eq=False)
class Decoded:
    """The images of a :class:`Validation` that are used, as pixels uint8 [n, H, W, 3]."""

    query: NDArray[np.uint8]
    query_labels: Labels
    gallery: NDArray[np.uint8]
    gallery_labels: Labels


def decode_validation(
    validation: Validation, preprocess: Preprocess, most: int, progress: Progress, workers: int = 0
) -> Decoded | None:
    """Decode at most ``most`` queries and ``most`` gallery images, once; None where nothing can be answered.

    Queries whose individual is not in the gallery are left out. Individuals of the chosen queries come into the
    gallery first, so that the number is comparable between epochs of a run but flatters against the whole gallery.
    """
    answerable = np.flatnonzero(np.isin(validation.query_labels, validation.gallery_labels))
    queries = _spread(answerable, most)
    wanted = np.isin(validation.gallery_labels, validation.query_labels[queries])
    own = _spread(np.flatnonzero(wanted), most)
    gallery = np.concatenate([own, _spread(np.flatnonzero(~wanted), most - len(own))])
    queries = queries[np.isin(validation.query_labels[queries], validation.gallery_labels[gallery])]
    if not len(queries):
        return None
    return Decoded(
        decode_all(Some(validation.query, queries), preprocess, progress, workers),
        validation.query_labels[queries],
        decode_all(Some(validation.gallery, gallery), preprocess, progress, workers),
        validation.gallery_labels[gallery],
    )


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most ``most`` of the rows, evenly spread."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, max(most, 0)).round().astype(np.int64)]


def validation_r1(network: nn.Module, preprocess: Preprocess, images: Decoded, batch: int, device: str) -> float:
    """Share of the queries whose nearest gallery image by cosine shows their individual, in [0, 1]; in eval mode."""
    network.eval()
    query = _embedded(network, preprocess, images.query, batch, device)
    gallery = _embedded(network, preprocess, images.gallery, batch, device)
    nearest = (query @ gallery.T).argmax(axis=1)
    return float((images.gallery_labels[nearest] == images.query_labels).mean())


def _embedded(network: nn.Module, preprocess: Preprocess, pixels: NDArray[np.uint8], batch: int, device: str) -> Floats:
    parts = [features(network, preprocess, pixels[i : i + batch], device) for i in range(0, len(pixels), batch)]
    vectors = np.concatenate(parts)
    # A zero vector has no direction and is near to nothing; the embed stage names such an image.
    norms = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return np.asarray(vectors / norms, dtype=np.float32)
