"""How much work each stage has to do, in the units that its time goes by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.cell import Cell
from harness.keys import PARTS, Keys, Part
from harness.table import ImageTable

FORWARD = 1 / 3
"""A photograph that is only embedded, beside one that is trained on: the backward pass costs about two forward ones."""

A_QUERY = 7000
"""What a query costs in retrieve beside its products, in gallery images of one product each."""

APART = 0.7
"""How far shortlists of several backbones lie apart: 0 for the same candidates, 1 for candidates drawn at random. The
six rankings of the demo grid have 0.73."""


class Effort:
    """Units of work under one protocol: photographs trained on, products of a query and a gallery image, pairs.

    Embed, segment and describe go by the photograph, match by the pair, fuse, decide and score by the query.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self._sizes = {part: self._scopes(keys.gallery[part]) for part in PARTS}
        self._seen = {part: self._counts(keys.asked[part], self._sizes[part]) for part in PARTS}

    def _scopes(self, gallery: ImageTable) -> dict[str, int]:
        """How many images are searched together, by the name of the scope."""
        names, sizes = np.unique(self.keys.data.scope(gallery), return_counts=True)
        return dict(zip(names.tolist(), sizes.tolist(), strict=True))

    def _counts(self, asked: ImageTable, sizes: dict[str, int]) -> NDArray[np.int64]:
        """How many gallery images each row sees [q]."""
        return np.array([sizes.get(name, 0) for name in self.keys.data.scope(asked).tolist()], np.int64)

    def train(self, cell: Cell) -> float:
        """Photographs trained on in all epochs, and a share for those of the validation R-1."""
        return cell.train.epochs * (len(self.keys.gallery["validation"]) + FORWARD * self.followed(cell))

    def followed(self, cell: Cell) -> int:
        """Photographs of the validation R-1 that follows training, at most."""
        asked, most = self.keys.asked["validation"], cell.train.validate_images
        queries = min(int(asked.known.sum()), most)
        return queries + min(len(self.keys.gallery["validation"]), most) if queries else 0

    def retrieve(self, part: Part) -> int:
        """Products of each query with the gallery images that it sees, and what a query costs beside them."""
        return int((self._seen[part] + A_QUERY).sum())

    def neighbours(self, part: Part) -> int:
        """The same for a gallery that is asked against itself."""
        return sum(size * (size + A_QUERY) for size in self._sizes[part].values())

    def pairs(self, part: Part, rankings: int) -> tuple[float, int]:
        """Distinct pairs in the shortlists of so many rankings that are not there yet: (likely, at most)."""
        seen = np.maximum(self._seen[part], 1)
        shortlist = np.minimum(self._seen[part], self.keys.data.protocol.shortlist)
        at_random = seen * (1 - (1 - shortlist / seen) ** rankings)
        likely = shortlist + APART * (at_random - shortlist)
        return float(likely.sum()), int(np.minimum(rankings * shortlist, seen).sum())
