"""Processes of this machine: places, cards, cancelling."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from harness.executors.base import Needs, Work
from harness.executors.local import Local, LocalSettings, cards


def work(folder: Path, name: str, code: str, gpus: int = 0) -> Work:
    return Work(name, "train", (sys.executable, "-S", "-c", code), {}, folder / f"{name}.log", Needs(gpus=gpus))


def drained(local: Local, handles: dict[str, str], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while local.finished(handles) != set(handles):
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_no_more_run_at_once_than_there_are_places(tmp_path: Path) -> None:
    local = Local(LocalSettings(processes=2), [])
    code = (
        "import os, time, pathlib; f = pathlib.Path('{}') / str(os.getpid()); f.touch(); "
        "print(len(list(f.parent.iterdir()))); time.sleep(0.2); f.unlink()"
    )
    (tmp_path / "in").mkdir()
    handles = local.submit([work(tmp_path, f"w{i}", code.format(tmp_path / "in")) for i in range(6)])
    drained(local, handles)
    seen = [int((tmp_path / f"w{i}.log").read_text()) for i in range(6)]
    assert max(seen) <= 2


def test_every_process_has_a_card_of_its_own(tmp_path: Path) -> None:
    local = Local(LocalSettings(gpus=1), ["5", "7"])
    assert local.slots == 2
    code = "import os,time; print(os.environ['CUDA_VISIBLE_DEVICES']); time.sleep(0.3)"
    handles = local.submit([work(tmp_path, f"w{i}", code, gpus=1) for i in range(2)])
    drained(local, handles)
    assert {(tmp_path / f"w{i}.log").read_text().strip() for i in range(2)} == {"5", "7"}
    both = local.submit([work(tmp_path, "both", code, gpus=2)])
    drained(local, both)
    assert sorted((tmp_path / "both.log").read_text().strip().split(",")) == ["5", "7"], "cards come back"


def test_a_work_that_wants_more_cards_than_there_are_runs_with_those(tmp_path: Path) -> None:
    local = Local(LocalSettings(processes=1, gpus=1), ["0"])
    drained(local, local.submit([work(tmp_path, "w", "pass", gpus=4)]))


def test_cancelled_works_end_and_waiting_ones_never_begin(tmp_path: Path) -> None:
    local = Local(LocalSettings(processes=1), [])
    handles = local.submit([work(tmp_path, name, "import time; time.sleep(60)") for name in ("a", "b")])
    began = time.monotonic()
    local.cancel(handles)
    drained(local, handles)
    assert time.monotonic() - began < 15
    assert not (tmp_path / "b.log").exists()


def test_one_that_is_not_known_here_has_ended() -> None:
    assert Local(LocalSettings(processes=1), []).finished({"old": "old"}) == {"old"}


def test_cards_are_those_that_may_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    assert cards() == ["3", "4"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert cards() == []
