"""The loop: order, packing, what is lost, what fails, a store that fails, a driver that was killed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.executors.base import Handles, Work
from harness.executors.chosen import chosen
from harness.jobs import driver as driving
from harness.jobs.driver import Driver, Start
from harness.jobs.files import Asked, Outcome, RunFiles, read_job
from harness.jobs.tasks import Node, Task

ASKED = Asked(grid={}, store="s", cwd=".")
Does = Callable[[str], str | None]


class Pretended:
    """An executor whose jobs end at once; ``does`` says how each task ends, or None for a job that dies at it."""

    slots = 2

    def __init__(self, files: RunFiles, does: Does) -> None:
        self.files, self.does = files, does
        self.jobs: list[tuple[str, list[str]]] = []
        self.cancelled: list[str] = []

    def submit(self, works: Sequence[Work]) -> dict[str, str]:
        for work in works:
            job = read_job(Path(work.command[-3]))
            self.jobs.append((work.name, [task.name for task in job.tasks]))
            outcomes = []
            for task in job.tasks:
                kind = self.does(task.name)
                if kind is None:
                    break
                outcomes.append(Outcome(task=task.name, kind=kind, reason="" if kind == "ok" else f"{task.name} broke"))
            self.files.put_outcomes(job.name, outcomes)
        return {work.name: f"#{work.name}" for work in works}

    def finished(self, handles: Handles) -> set[str]:
        return set(handles)

    def states(self, handles: Handles) -> dict[str, str]:
        return dict.fromkeys(handles, "PENDING (PartitionConfig)")

    def cancel(self, handles: Handles) -> None:
        self.cancelled += handles


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFiles:
    monkeypatch.setattr(driving, "SETTLE", 0.0)
    monkeypatch.setattr(driving, "POLL", 0.0)
    made = RunFiles(tmp_path / "run")
    made.make()
    return made


def nodes(**needs: str) -> dict[str, Node]:
    """``train="a b"``: a task of the stage in its name, and what it needs."""
    return {
        name.replace("_", "-"): Node(
            Task(name=name.replace("_", "-"), stage=name.partition("_")[0], cell="c"),
            frozenset(word.replace("_", "-") for word in needs[name].split()),
        )
        for name in needs
    }


GRAPH = nodes(
    train_1="", describe_1="", rank_1="train_1", match_1="rank_1 describe_1", score_1="match_1", score_2="rank_1"
)


def drive(files: RunFiles, does: Does, graph: dict[str, Node] = GRAPH) -> tuple[dict[str, Outcome], Pretended]:
    executor = Pretended(files, does)
    driver = Driver(graph, files, ASKED, chosen("local"), executor, Start(("run-stage",)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {task.name: outcome for task, outcome in driver.run()}, executor


def test_every_task_runs_once_and_after_what_it_needs(files: RunFiles) -> None:
    ended, executor = drive(files, lambda name: "ok")
    order = [task for _, tasks in executor.jobs for task in tasks]
    assert sorted(order) == sorted(GRAPH)
    assert {outcome.kind for outcome in ended.values()} == {"ok"}
    assert all(order.index(need) < order.index(name) for name, node in GRAPH.items() for need in node.needs)
    assert executor.cancelled == []


def test_what_waits_for_a_failure_fails_with_its_reason_and_the_rest_goes_on(files: RunFiles) -> None:
    ended, executor = drive(files, lambda name: "failed" if name == "match-1" else "ok")
    assert {name for name, outcome in ended.items() if outcome.kind == "failed"} == {"match-1", "score-1"}
    assert ended["score-1"].reason == "match-1 broke"
    assert "score-1" not in {task for _, tasks in executor.jobs for task in tasks}
    assert ended["score-2"].kind == "ok"


def test_a_job_that_dies_is_tried_again_and_then_given_up(files: RunFiles) -> None:
    times = 0

    def dies(name: str) -> str | None:
        nonlocal times
        times += name == "train-1"
        return None if name == "train-1" and times < 3 else "ok"

    ended, _ = drive(files, dies)
    assert times == 3
    assert ended["score-1"].kind == "ok"
    assert len([e for e in files.events() if e["event"] == "lost"]) == 2


def test_a_task_that_always_dies_fails_with_what_waits_for_it(files: RunFiles) -> None:
    ended, executor = drive(files, lambda name: None if name == "describe-1" else "ok")
    assert sum("describe-1" in tasks for _, tasks in executor.jobs) == chosen("local").needs("describe").retries + 1
    assert "without a word" in ended["score-1"].reason
    assert ended["score-2"].kind == "ok"


def test_a_store_that_cannot_be_written_ends_the_run(files: RunFiles) -> None:
    with pytest.raises(StoreError, match="train-1 broke"):
        drive(files, lambda name: "store" if name == "train-1" else "ok")


def test_cells_are_packed_and_of_a_pack_that_dies_only_the_rest_is_tried_again(files: RunFiles) -> None:
    many = nodes(**{f"score_{i}": "" for i in range(100)})
    died = []

    def dies(name: str) -> str | None:
        if name == "score-7" and not died:
            died.append(name)
            return None
        return "ok"

    ended, executor = drive(files, dies, many)
    assert len(ended) == 100
    assert len(executor.jobs) < 10
    done = [task for _, tasks in executor.jobs for task in tasks]
    assert done.count("score-0") == 1
    assert done.count("score-7") == 2


def test_tasks_of_one_token_do_not_run_at_a_time(files: RunFiles) -> None:
    twins = {f"match-{i}": Node(Task(name=f"match-{i}", stage="match", cell="c"), token="t") for i in range(4)}
    ended, executor = drive(files, lambda name: "ok", twins)
    assert len(ended) == 4
    assert all(len(tasks) == 1 for _, tasks in executor.jobs)


def test_a_cancelled_run_stops_its_jobs(files: RunFiles) -> None:
    files.write("cancel", True)
    ended, executor = drive(files, lambda name: "ok")
    assert ended == {}
    assert executor.jobs == []


def test_jobs_of_a_killed_driver_are_waited_for_and_not_done_again(files: RunFiles) -> None:
    class Slow(Pretended):
        def finished(self, handles: Handles) -> set[str]:
            return {name for name in handles if name != "train-00001" or self.jobs}

    first = Pretended(files, lambda name: "ok")
    driver = Driver(GRAPH, files, ASKED, chosen("local"), first, Start(("run-stage",)))
    driver._submit()  # and there it was killed
    second = Slow(files, lambda name: "ok")
    again = Driver(GRAPH, files, ASKED, chosen("local"), second, Start(("run-stage",)))
    ended = {task.name: outcome for task, outcome in again.run()}
    assert {outcome.kind for outcome in ended.values()} == {"ok"}
    assert ended.keys() == GRAPH.keys()
    assert "train-1" not in {task for _, tasks in second.jobs for task in tasks}
    assert "train-00001" not in [name for name, _ in second.jobs], "names go on counting"


def test_where_nothing_begins_for_long_the_engine_is_asked_why(
    files: RunFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stuck(Pretended):
        looks = 0

        def finished(self, handles: Handles) -> set[str]:
            self.looks += 1
            if self.looks == 3:
                files.write("cancel", True)
            return set()

    monkeypatch.setattr(driving, "STALLED", 0.0)
    driver = Driver(GRAPH, files, ASKED, chosen("local"), Stuck(files, lambda name: "ok"), Start(("run-stage",)))
    with pytest.warns(UserWarning, match=r"no job has begun .*train-00001: PENDING \(PartitionConfig\)"):
        assert list(driver.run()) == []
    files.write("started/train-00001.json", {})
    (files.root / "cancel").unlink()
    driver = Driver(GRAPH, files, ASKED, chosen("local"), Stuck(files, lambda name: "ok"), Start(("run-stage",)))
    driver._fly("train-00001", [GRAPH["train-1"].task], "#1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(driver.run()) == [], "one is at work"
