"""Embeddings in two dimensions, computed once and kept in the store."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from harness.fingerprint import code_hash, digest_texts
from harness.store import Key, Store, Value
from harness.types import Embeddings

PERPLEXITY, SEED = 30.0, 0
FEWEST = 5
"""Below so many photographs there is nothing to arrange."""


def projected(store: Store, embed: str, vectors: Embeddings) -> NDArray[np.float32]:
    """A place in the plane for each photograph, float32 [n, 2], by t-SNE (van der Maaten and Hinton, JMLR 2008).

    The same for the same seed on one machine; another number of threads may turn last digits, and with them the map.

    Args:
        embed: digest of the key of the embedding.

    Raises:
        ValueError: fewer than :data:`FEWEST` photographs.
    """
    if len(vectors.ids) < FEWEST:
        raise ValueError(f"{len(vectors.ids)} photographs are too few for a map")
    parts = {
        "code": code_hash("harness.report.projection"),
        "embed": embed,
        "rows": digest_texts([vectors.ids.tolist()]),
        "library": version("scikit-learn"),
    }
    key = Key("atlas", parts)
    with store.lock(key):
        value = store.read(key)
        if value is None:
            value = Value({"places": _placed(vectors.vectors)})
            store.write(key, value)
    return np.asarray(value.arrays["places"], np.float32)


def _placed(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(vectors) - 1) / 3)
    placed = TSNE(2, perplexity=perplexity, init="pca", random_state=SEED).fit_transform(vectors)
    return np.asarray(placed, np.float32)


def spread(identity: NDArray[np.str_], first: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """At most so many rows, rising: those marked ``first`` before the others, and of each an image of every individual
    before the second of any."""
    seen: dict[str, int] = {}
    turn = np.zeros(len(identity), np.int64)
    for row in np.argsort(~first, kind="stable").tolist():
        name = str(identity[row])
        turn[row] = seen[name] = seen.get(name, -1) + 1
    return np.sort(np.lexsort((turn, ~first))[:most])
