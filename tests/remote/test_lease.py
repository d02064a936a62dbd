"""Leases: one machine at a time, a dead holder's goes to another, and no clock is believed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from s3 import faulty

from harness import lease
from harness import objects as shared
from harness.errors import StoreError
from harness.lease import Lease, Watch
from harness.objects import Objects
from harness.remote import connected

pytest.importorskip("fsspec", reason="needs fsspec")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT", 0.1)
    monkeypatch.setattr(lease, "TTL", 1.0)
    monkeypatch.setattr(shared, "WAIT", 0.001)


@pytest.fixture(params=["file", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    return connected(f"file://{tmp_path}/there" if request.param == "file" else f"memory://{uuid.uuid4().hex}")


def of(objects: Objects, machine: str) -> Lease:
    return Lease(objects, "train-abc.7", Watch(), machine)


def quiet() -> None:
    pass


def test_one_machine_holds_it_at_a_time(objects: Objects) -> None:
    first, second = of(objects, "a"), of(objects, "b")
    assert first.take(False, quiet)
    assert not second.take(False, quiet)
    first.release()
    assert second.take(False, quiet)
    assert objects.names("locks/train-abc.7") == ["2"]  # no generation is used twice, and lower ones are gone
    second.release()
    assert objects.names("locks/train-abc.7") == ["2"]


def test_shards_and_their_key_have_leases_of_their_own(objects: Objects) -> None:
    names = ["match-abc", "match-abc.1", "match-abc.11"]
    held = [Lease(objects, name, Watch(), name) for name in names]
    assert [one.take(False, quiet) for one in held] == [True] * 3
    for one in held:
        one.release()


def test_who_waits_is_told_once_and_gets_it(objects: Objects) -> None:
    first, told = of(objects, "a"), []
    first.take(False, quiet)
    timer = threading.Timer(0.4, first.release)
    timer.start()
    second = of(objects, "b")
    assert second.take(True, lambda: told.append(1))
    assert told == [1]
    second.release()
    timer.join()


def test_of_many_one_at_a_time_holds_it(tmp_path: Path) -> None:
    inside, most, order = 0, 0, list[int]()

    def work(number: int) -> None:
        nonlocal inside, most
        mine = Lease(connected(f"file://{tmp_path}"), "k", Watch(), str(number))
        assert mine.take(True, quiet)
        inside += 1
        most = max(most, inside)
        order.append(number)
        time.sleep(0.02)
        inside -= 1
        mine.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert sorted(order) == list(range(6))


HOLDER = """
import sys, time
from harness import lease
from harness.remote import connected
lease.HEARTBEAT = 0.1
assert lease.Lease(connected(sys.argv[1]), "train-abc.7", lease.Watch(), "dying").take(False, lambda: None)
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_a_killed_holder_loses_it_and_one_that_lives_does_not(tmp_path: Path) -> None:
    where = f"file://{tmp_path}"
    with subprocess.Popen([sys.executable, "-c", HOLDER, where], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        other, ended = of(connected(where), "b"), time.monotonic() + 2.0
        while time.monotonic() < ended:  # twice the time after which a dead one's would be free
            assert not other.take(False, quiet)
            time.sleep(0.05)
        holder.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        assert other.take(True, quiet)
        assert 0.8 < time.monotonic() - killed < 4.0
        other.release()


def test_what_another_process_of_this_mirror_has_left_is_free_at_once(objects: Objects) -> None:
    first = of(objects, "a")
    first.take(False, quiet)
    again = of(objects, "a")  # who asks holds the mirror's file lock, so the first is dead
    assert again.take(False, quiet)
    again.release()
    first.lost = True
    first.release()


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_wall_clock_that_jumps_changes_nothing(
    objects: Objects, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, real = of(objects, "a"), of(objects, "b"), time.time
    first.take(False, quiet)
    assert not second.take(False, quiet)
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    for _ in range(8):
        assert not second.take(False, quiet)
        time.sleep(0.05)
    assert not first.lost
    first.release()
    assert second.take(False, quiet)
    second.release()


def test_who_finds_a_higher_generation_has_lost_it_and_says_so(objects: Objects) -> None:
    first = of(objects, "a")
    first.take(False, quiet)
    objects.create("locks/train-abc.7/5", b'{"free": false, "mirror": "b"}')
    with pytest.warns(UserWarning, match="another machine has taken over train-abc"):
        first._thread.join(3)
    assert first.lost
    first.release()
    assert objects.read("locks/train-abc.7/5") == b'{"free": false, "mirror": "b"}'


def test_time_in_which_nobody_looked_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watch = Watch()
    assert watch.look("x") == 0.0
    now += 1000.0  # the network was away, for the holder too
    assert watch.look("x") == pytest.approx(lease.HEARTBEAT)
    now += 0.05
    assert watch.look("x") == pytest.approx(lease.HEARTBEAT + 0.05)
    assert watch.look("y") == 0.0


def test_one_that_is_being_written_is_held_until_it_is_old(tmp_path: Path) -> None:
    place = tmp_path / "locks" / "train-abc.7"
    place.mkdir(parents=True)
    (place / "3").touch()
    asking = of(connected(f"file://{tmp_path}"), "b")
    assert not asking.take(False, quiet)
    assert asking.take(True, quiet)
    assert [path.name for path in place.iterdir()] == ["4"]
    asking.release()


def memory() -> Objects:
    return connected(f"memory://{uuid.uuid4().hex}")


def test_a_creation_whose_answer_was_lost_is_ones_own() -> None:
    left = [OSError("reset")]
    objects = faulty(memory(), lambda name: left.pop() if left and name == "pipe_file" else None, after=True)
    assert objects.create("x", b"mine")
    assert not left
    assert not objects.create("x", b"yours")
    assert objects.read("x") == b"mine"


@pytest.mark.parametrize("error", [OSError("reset"), TimeoutError("slow"), ConnectionResetError("gone")])
def test_a_request_is_tried_again_and_not_for_ever(error: OSError) -> None:
    calls: list[str] = []

    def fails(times: int) -> Callable[[str], BaseException | None]:
        calls.clear()
        return lambda name: calls.append(name) or (error if len(calls) <= times else None)  # type: ignore[func-returns-value]

    base = memory()
    base.write("x", b"content")
    assert faulty(base, fails(shared.TRIES - 1)).read("x") == b"content"
    with pytest.raises(StoreError, match=f"{base.url}.*{error}") as caught:
        faulty(base, fails(1000)).read("x")
    assert len(calls) == shared.TRIES
    assert "the same command goes on" in caught.value.advice


def test_what_cannot_pass_is_not_tried_again() -> None:
    calls: list[str] = []

    def fails(error: BaseException) -> Callable[[str], BaseException | None]:
        calls.clear()
        return lambda name: calls.append(name) or error  # type: ignore[func-returns-value]

    with pytest.raises(StoreError, match="AccessDenied") as caught:
        faulty(memory(), fails(PermissionError("AccessDenied"))).write("x", b"")
    assert "Check the credentials" in caught.value.advice
    assert len(calls) == 1
    with pytest.raises(StoreError, match="no such bucket"):
        faulty(memory(), fails(FileNotFoundError("NoSuchBucket"))).write("x", b"")
    assert len(calls) == 1
    with pytest.raises(TypeError):  # a fault of our own is shown as it is
        faulty(memory(), fails(TypeError("ours"))).read("x")


def test_a_lease_outlives_an_object_store_that_fails_at_times() -> None:
    chance = random.Random(1)
    objects = faulty(memory(), lambda name: OSError("reset") if chance.random() < 0.2 else None, after=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for machine in "abcabc":
            one = of(objects, machine)
            assert one.take(True, quiet)
            time.sleep(0.15)
            one.release()
    assert objects.names("locks/train-abc.7") == ["6"]


def test_objects_on_disk_are_written_whole(tmp_path: Path) -> None:
    objects = connected(f"file://{tmp_path}/deep/er")
    (tmp_path / "x").write_bytes(b"123")
    objects.put("a/b", tmp_path / "x")
    (tmp_path / "deep" / "er" / "a" / ".half.tmp").touch()  # another writer's, not finished
    assert objects.names("a") == ["b"]
    assert os.listdir(tmp_path / "deep" / "er") == ["a"]  # noqa: PTH208
    objects.remove("a/b")
    objects.remove("a/b")
    assert objects.read("a/b") is None
