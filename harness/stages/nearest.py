"""Who may be among the best of a query: float32 products in chunks of the gallery, and a bound of their rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.types import Floats

if TYPE_CHECKING:
    from torch import Tensor

DECIMALS = 6
"""Cosines are rounded to this before they are ranked: what differs by less is a tie."""
SPARE = 32
"""Candidates that are kept beyond the k best of the float32 products."""
CHUNK = 2048
"""Gallery images of one product on the CPU: a block of 1,024 queries with them (8 MB) stays near the processor."""
CARD_CHUNK = 16_384
"""Gallery images of one product on a card."""

Find = Callable[[Floats, NDArray[np.int64], int], tuple[NDArray[np.float64], NDArray[np.int64]]]
"""Queries [b, d], their own places [b] and the shortlist's width -> cosines and places, as :func:`nearest` has them."""

NONE = -2.0
"""Below every cosine: no candidate."""
LEAST = -1.5
"""Below every cosine and above :data:`NONE`."""
PLACE = (1 << 29) - 1
"""The bits of a float64 that a float32 leaves empty. A cosine carries its gallery row in them (of fewer than 537
million), so that one sort of plain numbers sorts both."""


def slack(dim: int) -> float:
    """How far below the k-th cosine of a float32 product a candidate may lie and still be among the k best.

    Two cosines of unit vectors, each off by at most dim x 2^-24 / (1 - dim x 2^-24) (Higham, Accuracy and Stability of
    Numerical Algorithms, 2002, section 3.1) for any order of the sum, and the rounding to DECIMALS.
    """
    unit = dim * 2.0**-24
    return 2 * 1.01 * unit / (1 - unit) + 10.0**-DECIMALS


def finder(gallery: Floats, device: str) -> Find:
    """The search of a gallery [g, d] on the processor, or with all of the gallery on another device."""
    if device == "cpu":
        return partial(nearest, gallery=gallery)
    import torch

    return partial(nearest_on_card, gallery=torch.from_numpy(gallery).to(device))


def nearest(
    queries: Floats, own: NDArray[np.int64], width: int, *, gallery: Floats
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The highest float32 cosines of each query [b, d] with the gallery [g, d] and their gallery rows, in no order.

    Both are [b, m], m = ``width`` + ``SPARE`` or the whole gallery; what is missing is :data:`NONE`. Where not even the
    last of the m reaches :func:`slack` below the ``width``-th, nothing near is missing. ``own`` [b] is the gallery row
    of the query itself, never found, or -1.
    """
    products = np.empty((len(queries), min(CHUNK, len(gallery))), np.float32)
    best = _Best(products.shape, width, min(width + SPARE, len(gallery)), slack(gallery.shape[1]))
    for start in range(0, len(gallery), CHUNK):
        chunk = gallery[start : start + CHUNK]
        cosines = np.matmul(queries, chunk.T, out=products[:, : len(chunk)])
        cosines[_inside(own, start, start + CHUNK)] = NONE
        best.add(cosines, start)
    return best.found()


def _inside(own: NDArray[np.int64], start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the own images of the queries stand in the products with the gallery rows from ``start`` to ``stop``."""
    queries = np.flatnonzero((own >= start) & (own < stop))
    return queries, own[queries] - start


class _Best:
    """The highest cosines of b queries so far, as :data:`PLACE` packs them, and the floor under which none matters.

    ``packed`` [b, room] and ``filled`` [b], how many of a row are taken; ``above`` [b, c] is room for comparing.
    """

    def __init__(self, shape: tuple[int, ...], width: int, most: int, margin: float) -> None:
        """``shape`` (b, c) is that of the products, ``most`` what is kept of each row, ``margin`` the slack."""
        self.width, self.most, self.margin = width, most, margin
        self.packed = np.full((shape[0], 2 * most + shape[1]), NONE)
        self.filled = np.zeros(shape[0], np.int64)
        self.floor = np.full(shape[0], LEAST, np.float32)
        self.above = np.empty(shape, np.bool_)

    def add(self, cosines: Floats, start: int) -> None:
        """Cosines [b, c] with the gallery rows from ``start`` on: few are above the floor, and these are put down."""
        b, c = cosines.shape
        if start == 0 and c >= self.width:
            self._raise(np.partition(cosines, c - self.width, axis=1)[:, c - self.width])
        found = np.flatnonzero(np.greater_equal(cosines, self.floor[:, None], out=self.above[:, :c]))
        rows = np.arange(b + 1)
        edges = np.searchsorted(found, rows * c)
        counts = np.diff(edges)
        bits = cosines.ravel()[found].astype(np.float64).view(np.int64)
        bits |= found - np.repeat(rows[:-1] * c - start, counts)
        free = self.filled + rows[:-1] * self.packed.shape[1]
        self.packed.ravel()[np.arange(len(found)) + np.repeat(free - edges[:-1], counts)] = bits.view(np.float64)
        self.filled += counts
        if self.filled.max() > 2 * self.most:
            self._cut()

    def found(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Cosines and gallery rows, both [b, most]."""
        self._cut()
        bits = self.packed[:, : self.most].view(np.int64)
        return _values(bits), bits & PLACE

    def _cut(self) -> None:
        """Keep the ``most`` best of each query. Two partitions at one place each take a third of one at two places."""
        end = int(self.filled.max())
        if end <= self.most:
            return
        self.packed[:, :end].partition(end - self.most, axis=1)
        self.packed[:, : self.most] = self.packed[:, end - self.most : end]
        self.packed[:, self.most : end] = NONE
        self.filled[:] = self.most
        last = np.partition(self.packed[:, : self.most], self.most - self.width, axis=1)[:, self.most - self.width]
        self._raise(_values(last.view(np.int64)))

    def _raise(self, last: NDArray[np.floating]) -> None:
        """The floor below the ``width``-th best cosines so far [b]; its own rounding must not lift it."""
        floor = (last.astype(np.float64) - self.margin).astype(np.float32)
        self.floor = np.maximum(np.nextafter(floor, np.float32(NONE)), np.float32(LEAST))


def _values(bits: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cosines without their gallery rows."""
    return (bits & ~PLACE).view(np.float64)


def nearest_on_card(
    queries: Floats, own: NDArray[np.int64], width: int, *, gallery: Tensor
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """As :func:`nearest`, where the gallery [g, d] lies on a card. Call it within :func:`whole_float32`."""
    import torch

    vectors, most = torch.from_numpy(queries).to(gallery.device), min(width + SPARE, len(gallery))
    values = vectors.new_full((len(queries), most), NONE)
    places = torch.zeros(values.shape, dtype=torch.long, device=gallery.device)
    for start in range(0, len(gallery), CARD_CHUNK):
        cosines = vectors @ gallery[start : start + CARD_CHUNK].T
        cosines[_inside(own, start, start + CARD_CHUNK)] = NONE
        high, where = torch.topk(cosines, min(most, cosines.shape[1]), dim=1, sorted=False)
        values, order = torch.topk(torch.cat([values, high], 1), most, dim=1, sorted=False)
        places = torch.cat([places, where + start], 1).gather(1, order)
    return values.double().cpu().numpy(), places.cpu().numpy()


@contextmanager
def whole_float32(device: str) -> Iterator[None]:
    """Products on a card in float32, whatever a plugin has set: :func:`slack` does not hold for TF32."""
    if device == "cpu":
        yield
        return
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def near(
    values: NDArray[np.float64], places: NDArray[np.int64], width: int, margin: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The gallery rows [b, m] that may be among the ``width`` best, -1 for the others, and where there may be more [b].

    ``values`` and ``places`` [b, m] are from :func:`nearest`, ``margin`` is :func:`slack`.
    """
    last = values.shape[1] - width
    limit = np.partition(values, last, axis=1)[:, last] - margin
    kept = (values >= limit[:, None]) & (values > LEAST)
    return np.where(kept, places, -1), np.asarray(kept.all(axis=1))
