"""The background audit: a matcher that looks at the animal is told from one that looks at the place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from looks import ANIMALS, AT_ANIMAL, AT_PLACE, INSIDE, SHOTS, Broken, Looker, embedding, herd, looking

from harness.audit.altered import VERSIONS
from harness.audit.background import Background, Looked
from harness.cell import Cell
from harness.errors import StoreError
from harness.global_stages import GlobalStages, photographs
from harness.keys import Keys
from harness.local_stages import LocalStages
from harness.looking import Looking, Wish
from harness.masks import Masks
from harness.progress import Quiet
from harness.store import Store
from harness.workbench import Workbench

Look = Callable[..., Background]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Look at cells of the tiled herd."""
    data = herd(tmp_path)

    def run(*cells: Cell, queries: int = 100, shortlist: int = 50, seed: int = 0) -> Background:
        bench, keys = Workbench(Store(tmp_path / "store"), Quiet(), lambda **_: None), Keys(data, "cpu")
        coarse, fine = GlobalStages(bench, data, keys, "cpu"), LocalStages(bench, data, keys)
        wish = Wish(queries, shortlist, seed)
        return Looking(coarse, fine, Masks(data.table), "column", wish).look(embedding(), cells)

    return run


def r1(looked: Looked) -> dict[str, float | None]:
    return {answer.version: answer.r1.value for answer in looked.answers}


def test_who_looks_at_the_animal_and_who_at_the_place(look: Look) -> None:
    found = look(AT_ANIMAL, AT_PLACE)
    animal, place = found.matchers
    chance = 1 / ANIMALS
    assert [matcher.chance.value for matcher in found.matchers] == pytest.approx([chance, chance])
    assert list(r1(animal)) == list(VERSIONS)
    seen = dict(zip(VERSIONS, (answer.r1.value for answer in animal.alone), strict=True))
    assert seen == pytest.approx({**dict.fromkeys(VERSIONS, 1), "animal hidden": chance})
    seen = dict(zip(VERSIONS, (answer.r1.value for answer in place.alone), strict=True))
    assert (seen["original"], seen["animal hidden"], seen["background replaced"]) == (1, 1, 0)
    assert seen["background hidden"] == pytest.approx(chance, abs=0.05)
    assert r1(place)["background replaced"] == 0, "the animal whose place it is"
    assert (found.masks, found.within.value, found.left_out, found.skipped) == ("exact", 1, 0, {})


def test_equal_counts_go_by_the_embedding_of_the_original(look: Look) -> None:
    """A matcher that finds nothing leaves the embedding's order, whatever becomes of the query."""
    nothing = looking("nothing", Looker(~INSIDE), kept="keypoints")
    found = look(nothing)
    original = r1(found.embedding)["original"]
    assert r1(found.matchers[0]) == dict.fromkeys(VERSIONS, original)
    assert [answer.r1.value for answer in found.matchers[0].alone] == pytest.approx([1 / ANIMALS] * len(VERSIONS))
    assert all(share.share.n == 0 for share in found.matchers[0].shares)


def test_shares_of_the_two(look: Look) -> None:
    found = look(AT_ANIMAL, AT_PLACE)
    for matcher, on in zip(found.matchers, (1, 0), strict=True):
        shares = {(share.pairs, share.ends): share for share in matcher.shares}
        for ends, expected in (("query", 1 / 4), ("both", 1 / 16)):
            share = shares["right", ends]
            values = share.share.value, share.by_area.value, share.by_keypoints.value, share.excess.value
            assert values == pytest.approx((on, expected, expected, on - expected))
            assert (share.share.n, share.n_pairs, share.n_matched) == (ANIMALS, *[ANIMALS * (SHOTS - 1)] * 2)
            assert shares["wrong", ends].n_pairs == ANIMALS * (ANIMALS - 1) * (SHOTS - 1)


def test_the_strongest_keypoints_alone_are_expected_where_they_lie(look: Look) -> None:
    """A matcher that takes the first 16 of 64 keypoints finds them in the upper rows, off the animal."""
    found = look(looking("few", Looker(~INSIDE), limit=16))
    share = found.matchers[0].shares[0]
    assert (share.by_area.value, share.by_keypoints.value) == (0.25, 0)


def test_masked_features_keep_to_the_mask_of_the_query(look: Look) -> None:
    """With keypoints on the animal alone, the animal's matcher finds what it found before."""
    for kept in ("keypoints", "pixels"):
        (found,) = look(looking("kept", Looker(INSIDE), kept=kept)).matchers
        assert [answer.r1.value for answer in found.alone[2:]] == [1, 1, 1]
    (found,) = look(looking("kept", Looker(INSIDE), kept="keypoints")).matchers
    assert found.shares[0].by_keypoints.value == 1


def test_few_queries_and_candidates(look: Look) -> None:
    found = look(AT_ANIMAL, queries=3, shortlist=4)
    assert found.settings == {"queries": 3, "shortlist": 4, "seed": 0}
    assert found.embedding.answers[0].r1.n == found.within.n == 3
    assert found.matchers[0].answers[0].r1.value == found.within.value, "right wherever it can be"
    assert found.embedding.chance.value == pytest.approx(1 / ANIMALS), "of the whole gallery"
    assert sum(share.n_pairs for share in found.matchers[0].shares if share.ends == "both") == 3 * 4


def test_the_same_seed_gives_the_same(look: Look) -> None:
    first, again, other = (look(AT_ANIMAL, queries=3, seed=seed) for seed in (0, 0, 5))
    assert first == again != other


def test_who_cannot_run_or_fails_does_not_stop_the_others(look: Look) -> None:
    absent = replace(looking("absent", None), skip="matcher absent: its weights are not here")
    found = look(absent, looking("broken", Broken()), AT_ANIMAL)
    assert [matcher.name for matcher in found.matchers] == ["at-animal"]
    assert list(found.skipped) == ["absent", "broken"]
    assert "weights are not here" in found.skipped["absent"]
    assert "failed: RuntimeError('no luck today')" in found.skipped["broken"]


def test_a_store_that_fails_stops_all(look: Look) -> None:
    class Full:
        def match(self, pairs: Sequence[object]) -> None:
            raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="the disk is full"):
        look(looking("full", Full()), AT_ANIMAL)


def test_images_that_are_no_rows_are_embedded_like_rows(tmp_path: Path) -> None:
    data = herd(tmp_path)
    bench, keys = Workbench(Store(tmp_path / "store"), Quiet(), lambda **_: None), Keys(data, "cpu")
    coarse, query = GlobalStages(bench, data, keys, "cpu"), data.table.having("query")
    stored = coarse.embeddings(embedding(), query)
    direct = coarse.embedded(embedding(), photographs(query), query.image_id.tolist())
    assert direct.ids.tolist() == stored.ids.tolist()
    assert np.allclose(direct.vectors, stored.vectors, atol=1e-6)
