"""Neighbours in an embedding: only the closest pairs of a scope, and none that is known already."""

from __future__ import annotations

import numpy as np

from harness.audit.leaks import LeakPair
from harness.audit.neighbours import neighbours
from harness.types import Embeddings


def embeddings(prefix: str, *angles: float) -> Embeddings:
    turned = np.deg2rad(angles)
    vectors = np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)
    return Embeddings(np.array([f"{prefix}{n}" for n in range(len(angles))]), vectors, np.ones(len(angles), np.float32))


def test_pairs_above_the_cosine_are_listed_once() -> None:
    queries, gallery = embeddings("q", 0, 90), embeddings("g", 5, 40, 91, 0)
    scopes = np.array(["x", "x"]), np.array(["x", "x", "x", "y"])
    found = neighbours(queries, gallery, *scopes)
    assert [(p.kind, p.query, p.gallery) for p in found] == [("neighbour", 0, 0), ("neighbour", 1, 2)]
    np.testing.assert_allclose([p.distance for p in found], 1 - np.cos(np.deg2rad([5, 1])), atol=1e-6)
    known = (LeakPair("near", 0, 0, 3.0),)
    assert [p.query for p in neighbours(queries, gallery, *scopes, known=known)] == [1]
    assert len(neighbours(queries, gallery, *scopes, least=0.7)) == 3
