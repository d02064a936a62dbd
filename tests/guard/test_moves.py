"""Rows that moved or vanished since a commit are named; what was gained is no move."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guarded import ASKED, OTHER, STUDY, Edit, broken, commit, edit, git, put, row, set_recall

from harness import guard, leaderboard
from harness.guard.moves import Move, scores, unexplained
from harness.guard.reasons import Reason
from harness.record import pack_flags, pack_hits
from harness.results import Queries, Results


def test_an_unchanged_folder_passes_against_its_commit(committed: Path) -> None:
    checked = guard.check(committed, "HEAD", 20)
    assert checked.findings == []
    assert checked.before == 2


def test_new_rows_new_metrics_and_rounding_are_no_move(committed: Path) -> None:
    def gain(fields: dict[str, Any]) -> None:
        fields["metrics"]["mAP"] = {"value": 0.5, "n": 3}
        fields["counts"]["n_more"] = 1
        fields.update(said_known=pack_flags(np.ones(4)), ranking="d" * 64, git="d" * 40, seconds={"train": 99.0})
        fields["metrics"]["R-1"]["low"] += 1e-12
        fields["metrics"]["R-5"]["low"] += 1e-9  # to the last place: no more than the tolerance

    edit(committed, gain)
    put(committed, row("three", 0, 0, 0, 0, seed=1))
    assert broken(committed, "HEAD") == []


def test_outcomes_packed_by_another_zlib_are_the_same_outcomes(committed: Path) -> None:
    hits, said = np.array([1, 0, 2, 0]), np.array([True, False, True, True])
    edit(committed, lambda fields: fields.update(said_known=pack_flags(said)))
    commit(committed)
    raw = {"first_hits": hits.astype("<i2").tobytes(), "said_known": said.astype("u1").tobytes()}
    other = {name: base64.b64encode(zlib.compress(content, 0)).decode() for name, content in raw.items()}
    assert other["first_hits"] != pack_hits(hits)
    assert other["said_known"] != pack_flags(said)
    edit(committed, lambda fields: fields.update(other))
    assert broken(committed, "HEAD") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda f: set_recall(f, "R-1", low=0.1), "metrics.R-1.low 0.0 -> 0.1"),
        (lambda f: set_recall(f, "R-1", low=2e-9), "metrics.R-1.low"),
        (lambda f: set_recall(f, "R-1", low=None), "metrics.R-1.low 0.0 -> nothing"),
        (lambda f: f["metrics"].pop("R-5"), f"metrics.R-5.value {2 / 3} -> nothing (and 3 more)"),
        (lambda f: f.update(first_hits=pack_hits(np.array([1, 0, 2, 5]))), ": first_hits [1, 0, 2, 0] -> [1, 0, 2, 5]"),
        (lambda f: f["counts"].update(n_gallery=199), "counts.n_gallery 200 -> 199"),
        (lambda f: f["counts"].clear(), "counts"),
        (lambda f: f.update(backbone="resnet51"), "backbone resnet50 -> resnet51"),
        (lambda f: f.update(seed=7), "seed 0 -> 7"),
        (lambda f: f.update(status="failed"), "status ok -> failed"),
        (lambda f: f.update(git="d" * 40, schema_number=1, first_hits=""), "first_hits"),
    ],
)
def test_a_score_that_moved_is_named(committed: Path, change: Edit, told: str) -> None:
    edit(committed, change)
    (found,) = guard.check(committed, "HEAD", 20).findings
    assert (found.rule, found.where) == ("moved", f"{STUDY}:1")
    assert told in found.problem
    assert found.problem.startswith("cell one (resnet5")
    assert " / arcface / mutual-nn[max_keypoints=48] / replace / threshold, seed " in found.problem


def test_views_decisions_and_ranking_may_not_move_either(committed: Path) -> None:
    def fill(fields: dict[str, Any]) -> None:
        fields.update(views={"leak=none": {"R-1": {"value": 0.5, "n": 2}}}, said_known=pack_flags(np.ones(4)))
        fields.update(ranking="d" * 64, train={"epochs": 3})

    edit(committed, fill)
    commit(committed)
    changes: dict[str, Edit] = {
        "views.leak=none.R-1.value": lambda f: f["views"]["leak=none"]["R-1"].update(value=0.6),
        "said_known": lambda f: f.update(said_known=pack_flags(np.zeros(4))),
        "ranking": lambda f: f.update(ranking="e" * 64),
        "train.epochs": lambda f: f["train"].update(epochs=30),
    }
    for name, change in changes.items():
        git(committed, "checkout", "--quiet", ".")
        edit(committed, change)
        (found,) = guard.check(committed, "HEAD", 20).findings
        assert f": {name} " in found.problem
        assert "more)" not in found.problem


def test_a_row_that_vanished_is_named_with_the_place_where_it_stood(committed: Path) -> None:
    edit(committed, lambda fields: fields.clear())
    (found,) = guard.check(committed, "HEAD", 20).findings
    assert (found.rule, found.where) == ("vanished", STUDY)
    assert f"at HEAD it stood in {STUDY}:1" in found.problem


def test_under_another_protocol_hash_the_old_rows_have_vanished(committed: Path) -> None:
    for path in [committed / STUDY, *(committed / "queries").iterdir()]:
        path.unlink()
    put(committed, row("one", 1, 0, 2, 0, protocol_hash=OTHER), row("two", 1, 1, 0, 0, protocol_hash=OTHER, seed=1))
    assert broken(committed, "HEAD") == [("vanished", STUDY), ("vanished", STUDY)]
    guard.explain(committed, "another split")
    assert broken(committed, "HEAD") == []


def test_queries_that_are_gone_have_vanished(committed: Path) -> None:
    next((committed / "queries").glob("*.csv")).unlink()
    found = [each for each in guard.check(committed, "HEAD", 20).findings if each.rule in ("moved", "vanished")]
    assert [(each.rule, each.where) for each in found] == [("vanished", "queries")]
    assert "aaaaaaaaaaaa" in found[0].problem


def test_queries_that_name_others_than_before_have_moved(committed: Path) -> None:
    next((committed / "queries").glob("*.csv")).unlink()
    changed = Queries(ASKED.image_id[::-1], ASKED.identity, ASKED.known, ASKED.leaked, ASKED.dataset, ASKED.species)
    Results(committed).add_queries(row("one"), changed)
    leaderboard.save(Results(committed))
    (found,) = guard.check(committed, "HEAD", 20).findings
    assert found.rule == "moved"
    assert found.problem.startswith(f"the queries of protocol {'a' * 12}: image_id ")
    (reason,) = guard.explain(committed, "ids were renamed", cells=["*"])
    assert reason.cell == "*"
    assert broken(committed, "HEAD") == []


@pytest.mark.parametrize(("length", "told"), [(40, "x" * 40), (41, "x" * 36 + " ..."), (500, "x" * 36 + " ...")])
def test_a_long_value_is_told_by_its_beginning(committed: Path, length: int, told: str) -> None:
    edit(committed, lambda f: f.update(backbone="x" * length))
    (found,) = guard.check(committed, "HEAD", 20).findings
    assert found.problem.endswith(f": backbone resnet50 -> {told}")


def test_a_second_score_that_moved_is_counted(committed: Path) -> None:
    edit(committed, lambda f: (f.update(loss="none"), set_recall(f, "R-1", low=0.1)))
    (found,) = guard.check(committed, "HEAD", 20).findings
    assert found.problem.endswith(": loss arcface -> none (and 1 more)")


def test_a_reason_holds_for_scores_that_are_the_same_but_for_rounding(committed: Path) -> None:
    edit(committed, lambda f: set_recall(f, "R-1", low=0.1))
    guard.explain(committed, "another bootstrap")
    edit(committed, lambda f: set_recall(f, "R-1", low=0.1 + 1e-12))
    assert broken(committed, "HEAD") == []
    edit(committed, lambda f: set_recall(f, "R-1", low=0.1 + 2e-9))
    assert broken(committed, "HEAD") == [("moved", f"{STUDY}:1")]


def test_reasons_that_branch_are_followed_on_every_branch() -> None:
    start, left, right, far_left, far_right, elsewhere = (digit * 16 for digit in "012345")
    steps = [(start, left), (start, right), (left, far_left), (right, far_right), (far_right, start)]
    given = [
        Reason(protocol_hash="a", cell="one", old=old, new=new, reason="x", date="2026-01-02", git="c")
        for old, new in steps
    ]
    made = [Move("a", "one", start, new, "", "") for new in (left, right, far_left, far_right, elsewhere)]
    assert unexplained(made, given) == [made[-1]]
    others = [Move("b", "one", start, left, "", ""), Move("a", "two", start, left, "", "")]
    assert unexplained(others, given) == others, "a reason is of its own protocol and cell"


def test_outcomes_and_decisions_are_compared_as_numbers() -> None:
    found = scores(row("one", 1, 0, 2, said_known=pack_flags(np.array([True, False, True]))))
    assert (found["first_hits"], found["said_known"]) == ([1, 0, 2], [True, False, True])
    damaged = scores(row("one", 1, first_hits="damaged"))
    assert (damaged["first_hits"], "said_known" in damaged) == ("damaged", False)
