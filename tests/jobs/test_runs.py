"""Grids as jobs on real engines: the numbers of a plain run, whatever happens to jobs, nodes and drivers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import s3
import slurm
from same import same
from support import SMALL

from harness.jobs.files import RunFiles
from harness.jobs.state import find, state

pytestmark = pytest.mark.slow
ENV = {"OMP_NUM_THREADS": "1", "HARNESS_DEVICE": "cpu", "RAY_USAGE_STATS_ENABLED": "0", "NO_COLOR": "1"}
SECONDS = 400


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the grid, and the results of a run in one process."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "small.toml").write_text(SMALL)
    done = started(folder, folder, "--store", str(folder / "store")).wait(SECONDS)
    assert done == 0, (folder / "out").read_text()
    return folder


def started(plain: Path, folder: Path, *options: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """``harness run`` in a folder of its own."""
    folder.mkdir(exist_ok=True)
    grid = ["--grid", str(plain / "small.toml"), "--results", str(folder / "results"), "--quiet", *options]
    with (folder / "out").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "harness", "run", *grid],
            cwd=folder,
            env={**(env or os.environ), **ENV},
            stdout=subprocess.DEVNULL,
            stderr=out,
        )


def driven(plain: Path, folder: Path, executor: str, **more: Any) -> subprocess.Popen[bytes]:
    """A run as jobs, its store and its folder of runs below ``folder``."""
    options = ("--store", str(folder / "store"), "--runs", str(folder / "runs"), "--executor", executor)
    return started(plain, folder, *options, **more)


def ended_well(plain: Path, folder: Path, run: subprocess.Popen[bytes]) -> RunFiles:
    """It ends, in the numbers of the plain run, and its status says that it has finished."""
    assert run.wait(SECONDS) == 0, told(folder)
    same(plain / "results", folder / "results")
    files = find(None, folder / "runs")
    found = state(files)
    assert found.state == "finished"
    assert not found.failures
    assert not list((folder / "store" / "tmp").iterdir()), "nothing is half written"
    return files


def told(folder: Path) -> str:
    """What a run and its jobs have printed."""
    logs = sorted(folder.glob("runs/*/logs/*.log"))
    return "\n".join(path.read_text(errors="replace")[-2000:] for path in [folder / "out", *logs])


def until(ready: Callable[[], object], what: str, run: subprocess.Popen[bytes], folder: Path) -> None:
    limit = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < limit, f"{what} did not happen\n{told(folder)}"
        assert run.poll() is None, f"the run ended before {what}\n{told(folder)}"
        time.sleep(0.1)


def events(folder: Path, name: str) -> list[dict[str, Any]]:
    return [
        event
        for path in folder.glob("runs/*/events.jsonl")
        for event in RunFiles(path.parent).events()
        if event["event"] == name
    ]


def test_killed_jobs_are_tried_again_on_this_machine(plain: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run = driven(plain, folder, "local[processes=2]")
    for stage in ("train", "score"):
        until(lambda stage=stage: list(folder.glob(f"runs/*/started/{stage}-*.json")), f"a {stage} job", run, folder)
        job = next(folder.glob(f"runs/*/started/{stage}-*.json"))
        os.kill(RunFiles(job.parents[1]).read(f"started/{job.name}")["pid"], signal.SIGKILL)
    files = ended_well(plain, folder, run)
    lost = {event["task"] for event in files.events() if event["event"] == "lost"}
    assert lost
    tasks = [task for event in files.events() if event["event"] == "submitted" for task in event["tasks"]]
    assert {task.partition("-")[0] for task in tasks} == {"train", "rank", "describe", "match", "score"}
    assert {task for task in tasks if tasks.count(task) > 1} == lost, "nothing else is done twice"
    assert driven(plain, folder, "local[processes=2]").wait(SECONDS) == 0
    again = [task for event in events(folder, "submitted") for task in event["tasks"]]
    assert len(again) == len(tasks), "a second run finds all done"


def test_a_cancelled_run_and_one_whose_driver_was_killed_go_on(plain: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run = driven(plain, folder, "local[processes=2]")
    until(lambda: events(folder, "ended"), "a task", run, folder)
    command = [sys.executable, "-m", "harness", "cancel", "--runs", str(folder / "runs")]
    done = subprocess.run(command, env={**os.environ, **ENV}, capture_output=True, text=True)
    assert "its driver stops" in done.stderr
    assert run.wait(60) == 130, told(folder)
    assert state(find(None, folder / "runs")).state == "cancelled"
    before = len(events(folder, "ended"))
    run = driven(plain, folder, "local[processes=2]")
    until(lambda: len(events(folder, "ended")) > before, "another task", run, folder)
    run.kill()
    run.wait()
    limit = time.monotonic() + 20
    while alive(folder):
        assert time.monotonic() < limit, "a job outlived its driver"
        time.sleep(0.1)
    finished = {event["task"] for event in events(folder, "ended")}
    ended_well(plain, folder, driven(plain, folder, "local[processes=2]"))
    tasks = [event["task"] for event in events(folder, "ended")]
    assert all(tasks.count(task) == 1 for task in finished), "what was finished is not done again"


def test_an_object_store_is_the_meeting_point(plain: Path, tmp_path: Path) -> None:
    with s3.server(tmp_path / "s3.log") as env:
        store = ("--store", f"s3://{s3.BUCKET}/store")
        jobs = ("--runs", str(tmp_path / "a" / "runs"), "--executor", "local[processes=2]")
        for name, more in {"a": jobs, "b": ()}.items():  # two machines: each has a mirror of its own
            place = {**os.environ, **env, "HARNESS_STORE_CACHE": str(tmp_path / name / "mirror")}
            run = started(plain, tmp_path / name, *store, *more, env=place)
            assert run.wait(SECONDS) == 0, told(tmp_path / name)
            same(plain / "results", tmp_path / name / "results")
    assert "0 computed something" in told(tmp_path / "b")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """A disk of its own at ``a/store``, which can be given another size or be made read-only."""
    place = tmp_path / "a" / "store"
    place.mkdir(parents=True)

    def mounted(*options: str) -> bool:
        return subprocess.run(["mount", *options, str(place)], capture_output=True).returncode == 0

    if not mounted("-t", "tmpfs", "-o", "size=6m", "tmpfs"):
        pytest.skip("no file system can be mounted here")
    yield lambda options: mounted("-o", f"remount,{options}")
    subprocess.run(["umount", "--lazy", str(place)], capture_output=True)


def test_a_full_disk_and_a_read_only_one_end_the_run_and_it_goes_on(
    plain: Path, tmp_path: Path, disk: Callable[[str], bool]
) -> None:
    folder = tmp_path / "a"
    assert driven(plain, folder, "local[processes=2]").wait(SECONDS) == 1, "a trained network has 20 MB"
    assert "The disk is full" in (folder / "out").read_text(), told(folder)
    assert not list((folder / "store").glob("values/train/*/*"))
    assert disk("ro")
    assert driven(plain, folder, "local[processes=2]").wait(SECONDS) == 1
    assert "read-only" in (folder / "out").read_text()
    assert disk("rw,size=200m")
    ended_well(plain, folder, driven(plain, folder, "local[processes=2]"))


def alive(folder: Path) -> list[int]:
    """Processes of jobs that still run."""
    pids = [RunFiles(p.parents[1]).read(f"started/{p.name}")["pid"] for p in folder.glob("runs/*/started/*.json")]
    lines = {pid: Path(f"/proc/{pid}/cmdline") for pid in pids}
    return [pid for pid, line in lines.items() if line.exists() and b"run-stage" in line.read_bytes()]


@pytest.fixture(scope="module")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    reason = slurm.lacking() or ("" if find_spec("submitit") else "submitit is not installed")
    if reason:
        pytest.skip(reason)
    with slurm.cluster(tmp_path_factory.mktemp("slurm")) as env:
        yield env


def test_slurm_with_jobs_that_are_preempted(plain: Path, tmp_path: Path, loopback: dict[str, str]) -> None:
    folder = tmp_path / "a"
    run = driven(plain, folder, "slurm[partition=low,jobs=2]", env=loopback)
    until(lambda: list(folder.glob("runs/*/started/train-*.json")), "a training", run, folder)

    def call(*command: str) -> str:
        return subprocess.run(command, env=loopback, capture_output=True, text=True, check=True, cwd=folder).stdout

    call("sbatch", "--partition=high", "--ntasks=2", "--wrap=sleep 3")
    until(lambda: "BeginTime" in call("squeue", "--array", "--format=%i %r"), "a preemption", run, folder)
    for line in call("squeue", "--array", "--noheader", "--format=%i %r").splitlines():
        if line.endswith("BeginTime"):  # SLURM waits two minutes before it starts such a job anew
            call("scontrol", "update", f"JobId={line.split()[0]}", "StartTime=now")
    files = ended_well(plain, folder, run)
    assert not [e for e in files.events() if e["event"] == "lost"], "SLURM itself has started the jobs anew"
    assert len(list((folder / "store").glob("values/train/*/*/key.json"))) == 1


def test_ray_with_a_node_that_is_lost(plain: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    from ray.cluster_utils import Cluster

    folder = tmp_path / "a"
    room = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=room)
    try:
        node = cluster.add_node(**room)
        run = driven(plain, folder, f"ray[address={cluster.address}]")
        until(lambda: len(list(folder.glob("runs/*/started/*.json"))) > 1, "two jobs", run, folder)
        cluster.remove_node(node, allow_graceful=False)
        ended_well(plain, folder, run)
    finally:
        cluster.shutdown()
