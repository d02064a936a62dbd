"""Retrieval is exact, does not depend on blocks or row order, and cannot be flattered by ties."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.metrics.ranking import first_hits, within
from harness.stages import retrieve as stage
from harness.stages.retrieve import retrieve, slack
from harness.types import Embeddings, Ranking


def embeddings(vectors: NDArray[np.float64], prefix: str) -> Embeddings:
    """Normalised, named by prefix and row."""
    norms = np.linalg.norm(vectors, axis=1)
    ids = np.array([f"{prefix}{i}" for i in range(len(vectors))], dtype=np.str_)
    return Embeddings(ids, (vectors / norms[:, None]).astype(np.float32), norms.astype(np.float32))


def random(n: int, seed: int, prefix: str, dim: int = 64, spread: float = 1.0) -> Embeddings:
    """Random directions; a small spread puts all of them close to one."""
    rng = np.random.default_rng(seed)
    middle = np.random.default_rng(99).standard_normal(dim) if spread < 1 else 0
    return embeddings(spread * rng.standard_normal((n, dim)) + middle, prefix)


def search(queries: Embeddings, gallery: Embeddings, k: int, **options: int) -> Ranking:
    """Against the whole gallery."""
    return retrieve(queries, gallery, k, np.full(len(queries.ids), ""), np.full(len(gallery.ids), ""), **options)


def answers(ranking: Ranking) -> NDArray[np.str_]:
    """Ids of the candidates [q, k], empty behind padding."""
    return np.append(ranking.gallery_ids, "")[ranking.order]


def test_it_finds_what_a_full_sort_finds() -> None:
    queries, gallery = random(40, 0, "q"), random(300, 1, "g")
    found = search(queries, gallery, 25)
    cosines = queries.vectors.astype(np.float64) @ gallery.vectors.T.astype(np.float64)
    assert np.array_equal(found.order, np.argsort(-cosines, axis=1)[:, :25])
    assert found.scores.dtype == np.float64
    assert np.allclose(found.scores, -np.sort(-cosines, axis=1)[:, :25], atol=1e-6)


@pytest.mark.parametrize("block", [1, 7, 64, 299, 1024])
def test_the_block_size_changes_neither_order_nor_scores(block: int) -> None:
    # embeddings so alike that their cosines differ by about the rounding of a float32 product
    queries, gallery = random(120, 0, "q", 256, spread=0.05), random(600, 1, "g", 256, spread=0.05)
    found, once = search(queries, gallery, 50, block=block), search(queries, gallery, 50, block=120)
    assert np.array_equal(found.order, once.order)
    assert np.array_equal(found.scores, once.scores)


@pytest.mark.parametrize("chunk", [1, 7, 50, 4096])
def test_the_chunk_size_changes_neither_order_nor_scores(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    both = random(60, 0, "image", 256, spread=0.05), random(300, 1, "g", 256, spread=0.05)
    whole, own = search(*both, 20), search(both[0], both[0], 20)
    monkeypatch.setattr(stage, "CHUNK", chunk)
    for found, once in ((search(*both, 20), whole), (search(both[0], both[0], 20), own)):
        assert np.array_equal(found.order, once.order)
        assert np.array_equal(found.scores, once.scores)


def test_equal_embeddings_in_a_gallery_sorted_by_identity_give_chance() -> None:
    individuals, images = 20, 10
    gallery_identity = np.repeat([f"a{i:02}" for i in range(individuals)], images)
    query_identity = np.repeat([f"a{i:02}" for i in range(individuals)], 20)
    queries = embeddings(np.ones((len(query_identity), 8)), "q")
    gallery = embeddings(np.ones((len(gallery_identity), 8)), "g")
    for k in (5, len(gallery_identity)):
        hits = first_hits(search(queries, gallery, k), query_identity, gallery_identity)
        assert within(hits, 1).mean() == pytest.approx(1 / individuals, abs=0.04), "R-1 of 400 queries by chance is 5 %"


def test_one_animal_only_does_not_win_by_its_rows() -> None:
    # every query shows the individual whose images stand first in the gallery
    queries, gallery = embeddings(np.ones((400, 8)), "q"), embeddings(np.ones((100, 8)), "g")
    identity = np.repeat([f"a{i}" for i in range(10)], 10)
    hits = first_hits(search(queries, gallery, 1), np.full(400, "a0"), identity)
    assert within(hits, 1).mean() == pytest.approx(0.1, abs=0.06)


def test_ties_across_the_last_place_are_cut_as_the_longer_list_cuts_them() -> None:
    rng = np.random.default_rng(3)
    few = rng.standard_normal((4, 16))
    gallery = embeddings(few[rng.integers(4, size=60)], "g")  # groups of about 15 equal images
    queries = random(30, 5, "q", 16)
    longest = search(queries, gallery, 60)
    for k in (1, 7, 20, 33):
        assert np.array_equal(search(queries, gallery, k).order, longest.order[:, :k])


@pytest.mark.parametrize("names", [None, ("plumless", "buckeroo")], ids=["any ids", "ids of one CRC-32"])
def test_the_row_order_of_the_gallery_decides_nothing(names: tuple[str, str] | None) -> None:
    count = 40 if names is None else 2
    ids = np.array(names or [f"g{i}" for i in range(count)])
    gallery = Embeddings(ids, np.full((count, 4), 0.5, np.float32), np.ones(count, np.float32))
    queries = embeddings(np.ones((12, 4)), "q")
    mixed = np.random.default_rng(0).permutation(count) if names is None else np.array([1, 0])
    turned = Embeddings(ids[mixed], gallery.vectors[mixed], gallery.norms[mixed])
    assert np.array_equal(answers(search(queries, gallery, 10)), answers(search(queries, turned, 10)))


def test_tied_queries_do_not_share_one_order() -> None:
    found = search(embeddings(np.ones((50, 4)), "q"), embeddings(np.ones((50, 4)), "g"), 1)
    assert len(np.unique(found.order)) > 20


def test_a_query_sees_only_its_scope_and_the_rest_is_padding() -> None:
    queries, gallery = random(6, 0, "q"), random(9, 1, "g")
    query_scope = np.array(["lion", "lion", "nyala", "nyala", "pig", "pig"])
    gallery_scope = np.array(["lion", "nyala", "lion", "nyala", "nyala", "lion", "nyala", "nyala", "zebra"])
    found = retrieve(queries, gallery, 4, query_scope, gallery_scope)
    for row, scope in enumerate(query_scope):
        rows = found.order[row][found.order[row] >= 0]
        assert set(gallery_scope[rows]) <= {scope}
        assert len(rows) == min(4, int((gallery_scope == scope).sum()))
    assert (found.order[:2, 3] == -1).all()
    assert np.isneginf(found.scores[:2, 3]).all()
    assert (found.order[4:] == -1).all(), "no pig in the gallery"


@pytest.mark.parametrize("k", [3, 20])
def test_an_image_never_retrieves_itself(k: int) -> None:
    both = random(20, 0, "image")
    found = search(both, both, k)
    assert not (answers(found) == both.ids[:, None]).any()
    assert (found.order[:, : min(k, 19)] >= 0).all()
    assert k < 20 or (found.order[:, 19] == -1).all(), "19 others, then padding"


def test_nothing_to_search_or_to_ask_is_an_empty_ranking() -> None:
    none = Embeddings(np.empty(0, np.str_), np.empty((0, 8), np.float32), np.empty(0, np.float32))
    some = random(3, 0, "x", 8)
    assert search(some, none, 5).order.shape == (3, 0)
    assert search(none, some, 5).order.shape == (0, 3)


def test_the_margin_holds_for_any_order_of_the_sum() -> None:
    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal((400, 512)) for _ in range(2))
    left, right = ((x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32) for x in (left, right))
    exact = (left.astype(np.float64) * right).sum(axis=1)
    for order in (np.arange(512), rng.permutation(512), np.arange(512)[::-1]):
        slow = np.zeros(400, np.float32)
        for column in order:  # the worst order: one running sum
            slow += left[:, column] * right[:, column]
        assert 2 * np.abs(slow - exact).max() < slack(512)
    assert slack(512) < 1e-4


@pytest.mark.parametrize("spare", [0, 1, 32])
def test_more_near_candidates_than_are_looked_at_first_are_all_found(
    monkeypatch: pytest.MonkeyPatch, spare: int
) -> None:
    queries, gallery = random(20, 0, "q", 64, spread=1e-6), random(200, 1, "g", 64, spread=1e-6)  # all but equal
    whole = search(queries, gallery, 200)
    monkeypatch.setattr(stage, "SPARE", spare)
    assert np.array_equal(search(queries, gallery, 9).order, whole.order[:, :9])
