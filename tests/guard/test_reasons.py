"""What excuses a move: a new version, or a reason that was written for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from guarded import STUDY, Edit, broken, commit, edit, git, moved, moved_back, moved_further

from harness import guard
from harness.errors import DataError


@pytest.mark.parametrize(
    ("plugin", "passes"),
    [({"name": "mutual-nn", "version": "2"}, True), ({"name": "mutual-nn", "version": "1", "code": "new"}, False)],
)
def test_a_new_version_excuses_a_move_and_new_code_alone_does_not(
    committed: Path, plugin: dict[str, str], passes: bool
) -> None:
    edit(committed, lambda f: (moved(f), f["plugins"].update(matcher=plugin)))
    assert (broken(committed, "HEAD") == []) is passes


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f["plugins"].update(fusion={"name": "replace", "version": "1"}),
        lambda f: f["plugins"].pop("matcher"),
        lambda f: f["plugins"].update(matcher="mutual-nn"),
        lambda f: f["plugins"].update(matcher={"name": "other", "version": "2"}),
    ],
)
def test_other_plugins_excuse_no_move(committed: Path, change: Edit) -> None:
    edit(committed, lambda f: (moved(f), change(f)))
    assert broken(committed, "HEAD") == [("moved", f"{STUDY}:1")]


def test_a_new_version_of_another_row_excuses_nothing(committed: Path) -> None:
    edit(committed, moved)
    edit(committed, lambda f: f["plugins"]["matcher"].update(version="2"), "two")
    assert broken(committed, "HEAD") == [("moved", f"{STUDY}:1")]


def test_a_reason_excuses_its_own_move_and_no_later_one(committed: Path) -> None:
    edit(committed, moved)
    (written,) = guard.explain(committed, "  a new decoder ")
    assert (written.cell, written.reason, written.git) == ("one", "a new decoder", git(committed, "rev-parse", "HEAD"))
    assert broken(committed, "HEAD") == []
    edit(committed, moved_further)
    assert broken(committed, "HEAD") == [("moved", f"{STUDY}:1")]


def test_reasons_one_after_the_other_lead_from_the_old_scores_to_the_new(committed: Path) -> None:
    git(committed, "tag", "start")
    for change, why in ((moved, "first"), (moved_further, "second")):
        edit(committed, change)
        guard.explain(committed, why)
        commit(committed)
    assert broken(committed, "start") == []
    edit(committed, lambda fields: fields.clear())
    assert broken(committed, "start") == [("vanished", STUDY)]
    guard.explain(committed, "gone")
    assert broken(committed, "start") == []
    assert len((committed / "reasons.jsonl").read_text().splitlines()) == 3


def test_a_reason_that_was_used_does_not_excuse_the_same_move_again(committed: Path) -> None:
    for change, why in ((moved, "there"), (moved_back, "and back")):
        edit(committed, change)
        guard.explain(committed, why)
        commit(committed)
    edit(committed, moved)
    assert broken(committed, "HEAD") == [("moved", f"{STUDY}:1")]


@pytest.mark.parametrize("change", [lambda text: "", lambda text: text.replace("a decoder", "nothing")])
def test_an_old_reason_may_not_vanish_or_change(committed: Path, change: Callable[[str], str]) -> None:
    edit(committed, moved)
    guard.explain(committed, "a decoder")
    commit(committed)
    path = committed / "reasons.jsonl"
    path.write_text(change(path.read_text()))
    (found,) = guard.check(committed, "HEAD", 20).findings
    assert (found.rule, found.where) == ("reasons", "reasons.jsonl")
    assert "for cell one ('a decoder') vanished" in found.problem
    assert found.advice


@pytest.mark.parametrize(
    ("line", "field"), [("no json", "line"), ("{}", "protocol_hash"), ('{"reason": ""}', "protocol_hash")]
)
def test_a_damaged_reason_is_named_by_line_and_nothing_is_added_to_it(committed: Path, line: str, field: str) -> None:
    (committed / "reasons.jsonl").write_text(f"\n{line}")
    (found,) = guard.check(committed, "HEAD", 20).findings
    assert (found.rule, found.where) == ("reasons", "reasons.jsonl:2")
    assert found.problem.startswith(f"{field}: ")
    assert found.advice
    edit(committed, moved)
    with pytest.raises(DataError, match=r"reasons\.jsonl:2"):
        guard.explain(committed, "why")


def test_reasons_can_be_written_for_some_of_the_moves(committed: Path) -> None:
    edit(committed, moved)
    edit(committed, lambda f: f["counts"].update(n_gallery=1), "two")
    assert guard.explain(committed, "why", protocol="b") == []
    assert [reason.cell for reason in guard.explain(committed, "why", cells=["two"])] == ["two"]
    assert broken(committed, "HEAD") == [("moved", f"{STUDY}:1")]
    with pytest.raises(DataError, match="two did not move"):
        guard.explain(committed, "why", cells=["two"])
    assert [reason.cell for reason in guard.explain(committed, "why", protocol="aaa")] == ["one"]
    assert guard.explain(committed, "why") == []


def test_an_empty_reason_and_damaged_rows_are_refused(committed: Path) -> None:
    with pytest.raises(DataError, match="reason is empty"):
        guard.explain(committed, " ")
    (committed / STUDY).write_text("no json\n")
    with pytest.raises(DataError, match=r"records/study-a+\.jsonl:1"):
        guard.explain(committed, "why")
    assert not (committed / "reasons.jsonl").exists()
