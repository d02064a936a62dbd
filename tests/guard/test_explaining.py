"""What is written down of a move: the day, the commit, and nothing beside the reasons."""

from __future__ import annotations

import errno
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path

import pytest
from guarded import STUDY, commit, edit, git, moved, moved_back

from harness import guard
from harness.errors import DataError, StoreError
from harness.guard import explaining, reasons
from harness.guard.reasons import Reason

REASON = Reason(protocol_hash="a" * 64, cell="one", old="0" * 16, new="1" * 16, reason="x", date="2026-01-02", git="c")


class Evening(datetime):
    """Half past eleven at night on the last day of a year, four hours west of Greenwich."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Evening:
        here = cls(2026, 12, 31, 23, 30, tzinfo=timezone(timedelta(hours=-4)))
        return here.astimezone(tz) if tz else here.replace(tzinfo=None)


def test_the_day_is_that_of_greenwich(committed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "datetime", Evening)
    edit(committed, moved)
    assert [reason.date for reason in guard.explain(committed, "why")] == ["2027-01-01"]
    assert Evening.now(UTC).day == 1


def test_a_reason_leads_from_the_scores_of_any_commit_and_bears_the_present_one(committed: Path) -> None:
    git(committed, "tag", "start")
    edit(committed, moved)
    commit(committed)
    assert guard.explain(committed, "why") == [], "against HEAD, as nothing else is said"
    (there,) = guard.explain(committed, "why", "start")
    assert there.git == git(committed, "rev-parse", "HEAD") != git(committed, "rev-parse", "start")
    edit(committed, moved_back)
    (back,) = guard.explain(committed, "why")
    assert (back.old, back.new) == (there.new, there.old)


def test_a_cell_that_did_not_move_is_named_with_the_ref_and_no_other_is_explained(committed: Path) -> None:
    edit(committed, moved)
    with pytest.raises(DataError, match="three, two did not move since HEAD") as caught:
        guard.explain(committed, "why", cells=["one", "two", "three"])
    assert "HEAD" in caught.value.advice
    assert not (committed / "reasons.jsonl").exists()


def test_every_refusal_says_what_to_do(committed: Path) -> None:
    for reason, content in ((" ", ""), ("why", "no json")):
        (committed / STUDY).write_text(content)
        with pytest.raises(DataError) as caught:
            guard.explain(committed, reason)
        assert caught.value.problem
        assert caught.value.advice


def test_reasons_are_added_to_a_file_that_ends_without_a_line_feed(tmp_path: Path) -> None:
    (tmp_path / reasons.FILE).write_text(REASON.model_dump_json())
    reasons.add(tmp_path, [REASON, REASON.model_copy(update={"cell": "two"})])
    assert [reason.cell for reason in reasons.read(tmp_path)[0]] == ["one", "one", "two"]
    reasons.add(tmp_path, [REASON])
    assert (tmp_path / reasons.FILE).read_text().count("\n") == 4


def test_reasons_are_added_to_a_folder_that_is_new_and_leave_nothing_beside(tmp_path: Path) -> None:
    root = tmp_path / "new" / "results"
    reasons.add(root, [REASON])
    assert reasons.read(root) == ([REASON], [])
    assert {path.relative_to(root).as_posix() for path in root.rglob("*")} <= {
        "records",
        "records/.lock",
        reasons.FILE,
    }


def test_reasons_that_cannot_be_written_are_told_with_the_place(tmp_path: Path) -> None:
    (tmp_path / reasons.FILE).mkdir()
    with pytest.raises(StoreError, match=f"results folder at {tmp_path / reasons.FILE}") as caught:
        reasons.add(tmp_path, [REASON])
    assert "--results" in caught.value.advice


def test_reasons_that_cannot_be_read_are_told_with_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    reasons.add(tmp_path, [REASON])
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StoreError, match=f"results folder at {tmp_path / reasons.FILE}: Permission denied") as caught:
        reasons.read(tmp_path)
    assert "--results" in caught.value.advice
