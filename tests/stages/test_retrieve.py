"""Retrieval is exact, does not depend on blocks or row order, and cannot be flattered by ties."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

from harness.metrics.ranking import first_hits, within
from harness.stages import nearest
from harness.stages import retrieve as stage
from harness.stages.retrieve import retrieve
from harness.stages.ties import tie_hash
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
    monkeypatch.setattr(nearest, "CHUNK", chunk)
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


def test_ids_of_one_hash_stand_by_name() -> None:
    gallery = Embeddings(np.array(["plumless", "buckeroo"]), np.full((2, 4), 0.5, np.float32), np.ones(2, np.float32))
    found = answers(search(embeddings(np.ones((9, 4)), "q"), gallery, 2))
    assert (found == ["buckeroo", "plumless"]).all()


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


@pytest.mark.parametrize("spare", [0, 1, 32])
def test_more_near_candidates_than_are_looked_at_first_are_all_found(
    monkeypatch: pytest.MonkeyPatch, spare: int
) -> None:
    queries, gallery = random(20, 0, "q", 64, spread=1e-6), random(200, 1, "g", 64, spread=1e-6)  # all but equal
    whole = search(queries, gallery, 200)
    monkeypatch.setattr(nearest, "SPARE", spare)
    assert np.array_equal(search(queries, gallery, 9).order, whole.order[:, :9])


def sorted_lists(
    queries: Embeddings, gallery: Embeddings, k: int, groups: tuple[list[str], list[str]]
) -> list[list[str]]:
    """The ids of every shortlist by a plain sort of all pairs: the cosine, the hash of the two ids, the id."""
    hashes = tie_hash(queries.ids, np.broadcast_to(gallery.ids, (len(queries.ids), len(gallery.ids))))
    lists = []
    for row, query in enumerate(queries.ids):
        cosines = [float(np.dot(queries.vectors[row].astype(np.float64), one)) for one in gallery.vectors]
        others = [c for c in range(len(gallery.ids)) if gallery.ids[c] != query and groups[1][c] == groups[0][row]]
        others.sort(key=lambda c: (-round(cosines[c], 6), hashes[row, c], gallery.ids[c]))
        lists.append([str(gallery.ids[c]) for c in others[:k]])
    return lists


def lists(ranking: Ranking) -> list[list[str]]:
    """The ids of every shortlist without its padding."""
    return [[str(name) for name in row if name] for row in answers(ranking)]


@pytest.mark.parametrize("device", ["cpu", "cpu:0"], ids=["numpy", "as on a card"])
@pytest.mark.parametrize("k", [1, 5, 60, 500])
@pytest.mark.parametrize("kinds", [1, 3, 40, 150])
def test_duplicates_and_lists_of_any_length_are_as_in_a_plain_sort(device: str, k: int, kinds: int) -> None:
    # 150 images of a few kinds, all alike within a kind: the ties at the last place are more than SPARE
    rng = np.random.default_rng(kinds)
    gallery = embeddings(rng.standard_normal((kinds, 16))[rng.integers(kinds, size=150)], "g")
    both = zip(parts(gallery, 6), parts(random(5, 2, "q", 16), 5), strict=True)
    queries = Embeddings(*(np.concatenate(part) for part in both))
    found = retrieve(queries, gallery, k, np.full(11, ""), np.full(150, ""), device=device)
    assert lists(found) == sorted_lists(queries, gallery, k, ([""] * 11, [""] * 150))


def parts(all_of: Embeddings, n: int) -> tuple[NDArray[np.str_], NDArray[np.float32], NDArray[np.float32]]:
    """Ids, vectors and norms of the first n."""
    return all_of.ids[:n], all_of.vectors[:n], all_of.norms[:n]


@pytest.mark.parametrize("device", ["cpu", "cpu:0"], ids=["numpy", "as on a card"])
def test_many_scopes_with_few_rows_are_as_in_a_plain_sort(device: str) -> None:
    queries, gallery, rng = random(80, 0, "q", 8), random(90, 1, "g", 8), np.random.default_rng(0)
    query_scope, gallery_scope = (rng.integers(40, size=n).astype(np.str_) for n in (80, 90))
    found = retrieve(queries, gallery, 3, query_scope, gallery_scope, device=device)
    assert lists(found) == sorted_lists(queries, gallery, 3, (query_scope.tolist(), gallery_scope.tolist()))


def test_one_query_finds_what_it_finds_among_others() -> None:
    queries, gallery = random(9, 0, "q"), random(300, 1, "g")
    all_of_them, one = search(queries, gallery, 12), search(Embeddings(*parts(queries, 1)), gallery, 12)
    assert np.array_equal(one.order, all_of_them.order[:1])
    assert np.array_equal(one.scores, all_of_them.scores[:1])


def test_the_torch_products_give_the_same_order_and_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    # what a card computes, on the processor: another device by name, and chunks that do not divide the gallery
    monkeypatch.setattr(nearest, "CARD_CHUNK", 70)
    both = random(120, 0, "image", 256, spread=0.05), random(600, 1, "g", 256, spread=0.05)
    for queries, gallery in (both, (both[0], both[0])):
        whole = np.full(len(queries.ids), ""), np.full(len(gallery.ids), "")
        here, there = (retrieve(queries, gallery, 50, *whole, device=device) for device in ("cpu", "cpu:0"))
        assert np.array_equal(here.order, there.order)
        assert np.array_equal(here.scores, there.scores)


def test_a_long_shortlist_makes_smaller_blocks_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, gallery = random(30, 0, "q"), random(200, 1, "g")
    whole, find = search(queries, gallery, 100), nearest.nearest
    sizes: list[int] = []

    def seen(rows: NDArray[np.float32], own: NDArray[np.int64], width: int, *, gallery: NDArray[np.float32]) -> object:
        sizes.append(len(rows))
        return find(rows, own, width, gallery=gallery)

    monkeypatch.setattr(stage, "CELLS", 700)
    monkeypatch.setattr(nearest, "nearest", seen)
    assert np.array_equal(search(queries, gallery, 100).order, whole.order)
    assert sum(sizes) == 30
    assert max(sizes) <= 7, "700 cells of 100 candidates"


def blas_threads() -> set[int]:
    """How many threads a product takes."""
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_the_cores_share_the_queries_and_the_result_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    queries, gallery = random(50, 0, "q", 256, spread=0.05), random(400, 1, "g", 256, spread=0.05)
    found: list[Ranking] = []
    seen: list[int] = []
    exact = stage._exact
    monkeypatch.setattr(stage, "_exact", lambda *vectors: (seen.extend(blas_threads()), exact(*vectors))[1])
    for cores in (1, 3):
        with threadpool_limits(cores, "blas"):
            found.append(search(queries, gallery, 20))
            assert blas_threads() == {cores}, "given back"
    assert set(seen) == {1}
    assert np.array_equal(found[0].order, found[1].order)
    assert np.array_equal(found[0].scores, found[1].scores)


def test_an_error_in_a_block_is_not_swallowed() -> None:
    with pytest.raises(ValueError, match="size 16 is different from 8"):
        search(random(3, 0, "q", 8), random(5, 1, "g", 16), 2)
