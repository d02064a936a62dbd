"""Units of work against plain loops over rows and against drawn shortlists."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from little import fullest, little

from harness.effort import A_QUERY, APART, FORWARD, Effort
from harness.grid import Grid
from harness.keys import PARTS, Keys
from harness.store import Store


@pytest.fixture(scope="module")
def made(drawn: Path) -> tuple[Grid, Keys]:
    return little(Store(drawn))


@pytest.fixture(scope="module")
def keys(made: tuple[Grid, Keys]) -> Keys:
    """Searched within each species, so that queries see galleries of several sizes."""
    data = made[1].data
    return Keys(replace(data, protocol=data.protocol.model_copy(update={"scope": "species"})), "cpu")


def test_retrieval_goes_by_the_products_within_each_scope(keys: Keys) -> None:
    effort = Effort(keys)
    for part in PARTS:
        asked, gallery = keys.asked[part].species.tolist(), keys.gallery[part].species.tolist()
        assert len(set(gallery)) > 1
        products = sum(one == other for one in asked for other in gallery)
        assert effort.retrieve(part) == products + A_QUERY * len(asked)
        among = sum(one == other for one in gallery for other in gallery)
        assert effort.neighbours(part) == among + A_QUERY * len(gallery)


@pytest.mark.parametrize("rankings", [1, 2, 5])
def test_likely_pairs_lie_between_those_of_equal_and_of_drawn_shortlists(keys: Keys, rankings: int) -> None:
    rng, trials, shortlist = np.random.default_rng(0), 200, keys.data.protocol.shortlist
    asked, gallery = keys.asked["query"].species, keys.gallery["query"].species
    equal, drawn, most = 0, 0, 0
    for name in asked:
        seen = int((gallery == name).sum())
        equal += min(shortlist, seen)
        most += min(rankings * min(shortlist, seen), seen)
        for _ in range(trials):
            lists = [rng.permutation(seen)[:shortlist] for _ in range(rankings)]
            drawn += len(np.unique(np.concatenate(lists)))
    likely, bound = Effort(keys).pairs("query", rankings)
    assert likely == pytest.approx(equal + APART * (drawn / trials - equal), rel=0.02)
    assert (likely > equal) == (rankings > 1)
    assert bound == most
    assert likely <= bound


def test_a_query_that_sees_nothing_asks_for_no_pair(made: tuple[Grid, Keys]) -> None:
    data = made[1].data
    alone = data.table.with_columns(species=np.where(data.table.role == "query", "lone", data.table.species))
    protocol = data.protocol.model_copy(update={"scope": "species"})
    assert Effort(Keys(replace(data, table=alone, protocol=protocol), "cpu")).pairs("query", 3) == (0, 0)


def test_training_goes_by_the_epochs_and_its_validation(made: tuple[Grid, Keys]) -> None:
    grid, keys = made
    table, cell = keys.data.table, fullest(grid)
    train, known = int((table.role == "train").sum()), int(((table.role == "validation") & table.known).sum())
    assert known > 3
    assert Effort(keys).train(cell) == pytest.approx(2 * (train + FORWARD * (train + known)))
    few = replace(cell, train=cell.train.model_copy(update={"validate_images": 3, "epochs": 5}))
    assert Effort(keys).train(few) == pytest.approx(5 * (train + FORWARD * 6))
