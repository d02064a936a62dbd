"""R-k as a row's outcomes give it, under every policy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guarded import ASKED, STUDY, broken, edit, row, set_recall
from rows import POLICY

from harness import leaderboard
from harness.guard.outcomes import recall
from harness.record import Metric, RunRecord, pack_flags
from harness.results import Queries, Results


@pytest.mark.parametrize(
    ("fields", "said", "expected", "n"),
    [
        ({}, None, 1 / 3, 3),
        ({"unknown": "wrong"}, None, 1 / 4, 4),
        ({"unknown": "answer"}, [1, 1, 1, 0], 2 / 4, 4),
        ({"unknown": "answer"}, [0, 1, 1, 0], 1 / 4, 4),
        ({"average": "identity"}, None, (1 / 2 + 0) / 2, 3),
        ({"average": "dataset"}, None, (1 / 2 + 0) / 2, 3),
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


def test_what_a_protocol_does_not_say_is_as_by_default() -> None:
    made = row("one", 1, 0, 2, 0, protocol_fields={})
    assert recall(made, np.array([1, 0, 2, 0]), None, ASKED, 1) == Metric(value=1 / 3, n=3)


def test_a_row_without_a_rule_answers_every_query() -> None:
    made = row("one", 1, 0, 2, 0, protocol_fields={**POLICY, "unknown": "answer"}, openset="none")
    assert recall(made, np.array([1, 0, 2, 0]), None, ASKED, 1) == Metric(value=1 / 4, n=4)


def test_recall_that_takes_decisions_is_not_guessed_without_them() -> None:
    made = row("one", 1, 0, 2, 0, protocol_fields={**POLICY, "unknown": "answer"})
    assert recall(made, np.array([1, 0, 2, 0]), None, ASKED, 1) is None


def test_recall_by_data_set_is_not_guessed_where_the_queries_do_not_name_them() -> None:
    made = row("one", 1, 0, 2, 0, protocol_fields={**POLICY, "average": "dataset"})
    assert recall(made, np.array([1, 0, 2, 0]), None, replace(ASKED, dataset=None), 1) is None


def test_recall_of_no_known_query_is_of_none() -> None:
    given = recall(row("one", 0), np.array([0]), None, Queries(*(np.array([x]) for x in ("q", "new", False, False))), 1)
    assert given == Metric(value=None, n=0)


def rows_of(root: Path, made: RunRecord, asked: Queries = ASKED) -> list[tuple[str, str]]:
    """What is found of a folder with this row alone."""
    results = Results(root)
    results.add([made])
    results.add_queries(made, asked)
    leaderboard.save(results)
    return broken(root)


def test_recall_is_held_against_the_decisions_of_the_row(tmp_path: Path) -> None:
    fields = {"protocol_fields": {**POLICY, "unknown": "answer"}, "said_known": pack_flags(np.array([1, 1, 1, 0]))}
    right = {"R-1": Metric(value=2 / 4, n=4), "R-5": Metric(value=3 / 4, n=4)}
    assert rows_of(tmp_path / "a", row("one", 1, 0, 2, 0, metrics=right, **fields)) == []
    wrong = {**right, "R-5": Metric(value=2 / 4, n=4)}
    assert rows_of(tmp_path / "b", row("one", 1, 0, 2, 0, metrics=wrong, **fields)) == [("outcomes", f"{STUDY}:1")]


@pytest.mark.parametrize(("n", "rules"), [(0, []), (3, ["outcomes"])])
def test_a_rate_of_no_query_is_of_none(tmp_path: Path, n: int, rules: list[str]) -> None:
    made = row("one", 0, 0, 0, 0, metrics={"R-1": Metric(value=None, n=n)})
    assert [rule for rule, _ in rows_of(tmp_path, made, replace(ASKED, known=np.zeros(4, bool)))] == rules


def test_ranks_and_rates_may_reach_their_bounds(tmp_path: Path) -> None:
    made = row("one", 100, 0, 0, 0, metrics={"R-1": Metric(value=1e-9, n=3)})
    assert rows_of(tmp_path, made) == []


def test_at_image_level_every_k_is_held_also_where_the_protocol_does_not_say_so(tmp_path: Path) -> None:
    fields = {name: value for name, value in POLICY.items() if name != "level"}
    metrics = {"R-1": Metric(value=1 / 3, n=3), "R-5": Metric(value=1.0, n=3)}
    made = row("one", 1, 0, 2, 0, protocol_fields=fields, metrics=metrics)
    assert rows_of(tmp_path, made) == [("outcomes", f"{STUDY}:1")]


def test_at_identity_level_outcomes_say_only_whether_the_first_image_is_right(folder: Path) -> None:
    fields = {**POLICY, "level": "identity"}
    for cell in ("one", "two"):
        edit(folder, lambda f: (f.update(protocol_fields=fields), set_recall(f, "R-5", value=1.0)), cell)
    assert broken(folder) == []
    edit(folder, lambda f: set_recall(f, "R-1", value=1 / 3 + 1e-12))  # a sum in another order
    assert broken(folder) == []
    edit(folder, lambda f: set_recall(f, "R-1", value=1.0))
    assert broken(folder) == [("outcomes", f"{STUDY}:1")]
