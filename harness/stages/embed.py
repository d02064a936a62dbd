"""The embed stage: photographs to unit vectors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Images, Progress
from harness.errors import CellFailed
from harness.stages.loading import decoded_batches, normalise, to_unit
from harness.types import Embeddings, Floats, Preprocess

if TYPE_CHECKING:
    from torch import nn


def embed(
    network: nn.Module,
    preprocess: Preprocess,
    images: Images,
    ids: Sequence[str],
    batch: int,
    device: str,
    progress: Progress,
) -> Iterator[Embeddings]:
    """Embed ``images``, named by ``ids``, in order: one :class:`Embeddings` of at most ``batch`` rows at a time.

    Computed in float32 on every device, and in eval mode, so that an image's vector does not hang on its neighbours.

    Raises:
        CellFailed: a vector is zero or not finite; the image is named.
        DataError: an image cannot be read, or ids repeat.
    """
    network.to(device).eval()
    progress.start(len(images), "image")
    start = 0
    for pixels in decoded_batches(images, preprocess, batch):
        names = np.asarray(ids[start : start + len(pixels)], dtype=np.str_)
        vectors = features(network, preprocess, pixels, device)
        start += len(pixels)
        progress.advance(len(pixels))
        yield unit(names, vectors)


def features(network: nn.Module, preprocess: Preprocess, pixels: NDArray[np.uint8], device: str) -> Floats:
    """Uint8 [n, H, W, 3] -> what the network gives for them, float32 [n, d], not normalised."""
    import torch

    with torch.inference_mode():
        # Sent as bytes: a quarter of the floats' way to a card.
        batch = to_unit(torch.from_numpy(np.ascontiguousarray(pixels)).to(device))
        output = network(normalise(batch, preprocess))
        return np.asarray(output.float().cpu().numpy(), dtype=np.float32)


def unit(ids: NDArray[np.str_], vectors: Floats) -> Embeddings:
    """Divide vectors [n, d] by their norms.

    Raises:
        CellFailed: a vector is zero or not finite.
    """
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    bad = ~np.isfinite(norms) | (norms < np.finfo(np.float32).tiny)
    if bad.any():
        what = "zero" if np.isfinite(norms[bad][0]) else "not finite"
        raise CellFailed(
            f"the embedding of image {str(ids[bad][0])!r} is {what} ({int(bad.sum())} such images in its batch)",
            "Look at the image, and at the weights: a network that was not trained, or diverged, does this.",
        )
    return Embeddings(ids, (vectors / norms[:, None]).astype(np.float32), norms.astype(np.float32))
