"""R-k as a row's outcomes give it, under every policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guarded import ASKED, STUDY, broken, edit, row, set_recall
from rows import POLICY

from harness.guard.outcomes import recall
from harness.record import Metric
from harness.results import Queries


@pytest.mark.parametrize(
    ("fields", "said", "expected", "n"),
    [
        ({}, None, 1 / 3, 3),
        ({"unknown": "wrong"}, None, 1 / 4, 4),
        ({"unknown": "answer"}, [1, 1, 1, 0], 2 / 4, 4),
        ({"unknown": "answer"}, [0, 1, 1, 0], 1 / 4, 4),
        ({"average": "identity"}, None, (1 / 2 + 0) / 2, 3),
        ({"average": "dataset", "unknown": "wrong"}, None, (1 / 2 + 0) / 2, 4),
    ],
)
def test_recall_is_taken_under_the_row_s_own_protocol(
    fields: dict[str, Any], said: list[int] | None, expected: float, n: int
) -> None:
    made = row("one", 1, 0, 2, 0, protocol_fields={**POLICY, **fields})
    given = recall(made, np.array([1, 0, 2, 0]), None if said is None else np.array(said, bool), ASKED, 1)
    assert given is not None
    assert given.value == pytest.approx(expected, abs=1e-12)
    assert given.n == n


def test_recall_that_takes_decisions_is_not_guessed_without_them() -> None:
    made = row("one", 1, 0, 2, 0, protocol_fields={**POLICY, "unknown": "answer"})
    assert recall(made, np.array([1, 0, 2, 0]), None, ASKED, 1) is None


def test_recall_by_data_set_is_not_guessed_where_the_queries_do_not_name_them() -> None:
    made = row("one", 1, 0, 2, 0, protocol_fields={**POLICY, "average": "dataset"})
    assert recall(made, np.array([1, 0, 2, 0]), None, replace(ASKED, dataset=None), 1) is None


def test_recall_of_no_known_query_is_of_none() -> None:
    given = recall(row("one", 0), np.array([0]), None, Queries(*(np.array([x]) for x in ("q", "new", False, False))), 1)
    assert given == Metric(value=None, n=0)


def test_at_identity_level_outcomes_say_only_whether_the_first_image_is_right(folder: Path) -> None:
    fields = {**POLICY, "level": "identity"}
    for cell in ("one", "two"):
        edit(folder, lambda f: (f.update(protocol_fields=fields), set_recall(f, "R-5", value=1.0)), cell)
    assert broken(folder) == []
    edit(folder, lambda f: set_recall(f, "R-1", value=1 / 3 + 1e-12))  # a sum in another order
    assert broken(folder) == []
    edit(folder, lambda f: set_recall(f, "R-1", value=1.0))
    assert broken(folder) == [("outcomes", f"{STUDY}:1")]
