"""The loop that drives a run: hand over what is ready, hear what has ended, try again what was lost."""

from __future__ import annotations

import math
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.errors import StoreError
from harness.executors.base import THREADS, Executor, Work
from harness.executors.chosen import Chosen
from harness.jobs.files import Asked, Job, Outcome, RunFiles
from harness.jobs.state import flying
from harness.jobs.tasks import Node, Task
from harness.jobs.worker import CHILD

PACK = {"match": 4, "score": 50}
"""Tasks of one job, at most, where many are ready: a process takes seconds to start, a cell less than that."""
AHEAD = 2
"""Jobs handed over for each that can run at once: none idles, and what comes later is still ordered by readiness."""
POLL, SETTLE = 0.5, 5.0
"""Seconds between two looks, and for the last words of a job to become visible on a shared file system."""
STALLED = 300.0
"""Seconds without any job at work after which the engine is asked why."""


@dataclass(frozen=True)
class Start:
    """How a job is started: the command before its file, and variables."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Flying:
    """A job that was handed over; ``silent``: since when it is known to have ended without telling of all its tasks."""

    tasks: Sequence[Task]
    handle: str
    silent: float | None = None


class Driver:
    """Drives the tasks of a run through an executor.

    Args:
        nodes: the graph, see :func:`harness.jobs.tasks.graph`.
    """

    def __init__(
        self, nodes: Mapping[str, Node], files: RunFiles, asked: Asked, chosen: Chosen, executor: Executor, start: Start
    ) -> None:
        self.files, self.asked, self.chosen, self.executor, self.start = files, asked, chosen, executor, start
        self._waiting = dict(nodes)
        self._needs = {name: set(node.needs) & set(nodes) for name, node in nodes.items()}
        self._then: dict[str, list[str]] = defaultdict(list)
        for name, needs in self._needs.items():
            for need in needs:
                self._then[need].append(name)
        self._ready = {name for name, needs in self._needs.items() if not needs}
        self._tokens = {name: node.token for name, node in nodes.items() if node.token}
        self._held: set[str] = set()
        self._flying: dict[str, _Flying] = {}
        self._tries: Counter[str] = Counter()
        self._jobs = 0
        self._heard = time.monotonic()

    def run(self) -> Iterator[tuple[Task, Outcome]]:
        """Tasks as they end, until all have, or somebody cancels the run.

        Raises:
            StoreError: a job found that nothing can be written: nothing later could succeed.
        """
        self._adopt()
        try:
            while self._waiting or self._flying:
                if self.files.cancelled:
                    return
                self._submit()
                heard = list(self._hear())
                yield from heard
                if heard:
                    self._heard = time.monotonic()
                else:
                    self._ask_why()
                    time.sleep(POLL)
        finally:
            self._end()

    def _end(self) -> None:
        """Leave no job behind; what was unfinished goes on in the next run."""
        if self._flying:
            self.executor.cancel({name: job.handle for name, job in self._flying.items()})
            for name in self._flying:
                self.files.note("cancelled", job=name)
        self.files.note("stopped", left=len(self._waiting) + sum(len(job.tasks) for job in self._flying.values()))

    def _adopt(self) -> None:
        """Jobs of a driver that was killed may still run: their tasks are theirs."""
        jobs = flying(self.files)
        self._jobs = len(list((self.files.root / "jobs").glob("*.json")))  # names go on counting
        gone = self.executor.finished(jobs) if jobs else set()
        for name, handle in jobs.items():
            told = self.files.read(f"jobs/{name}.json") or {}
            tasks = [self._waiting[t["name"]].task for t in told.get("tasks", ()) if t["name"] in self._waiting]
            if name in gone or not tasks:
                self.files.note("cancelled", job=name)
            else:
                self._fly(name, tasks, handle)

    def _submit(self) -> None:
        """Hand over what is ready, the first stages first, in jobs of tasks that ask for the same."""
        room = AHEAD * self.executor.slots - len(self._flying)
        alike: dict[tuple[str, int], list[Task]] = defaultdict(list)
        if room > 0:
            for name in [name for name in self._waiting if name in self._ready]:
                task, token = self._waiting[name].task, self._tokens.get(name)
                if token in self._held:
                    continue
                alike[task.stage, task.gpus].append(task)
                if token:
                    self._held.add(token)
        chosen, released = self._packed(alike, room)
        for task in released:
            self._held.discard(self._tokens.get(task.name, ""))
        works = [self._work(tasks) for tasks in chosen]
        if not works:
            return
        handles = self.executor.submit(works)
        for work, tasks in zip(works, chosen, strict=True):
            self.files.note("submitted", job=work.name, handle=handles[work.name], tasks=[t.name for t in tasks])
            self._fly(work.name, tasks, handles[work.name])

    def _packed(self, alike: Mapping[Any, list[Task]], room: int) -> tuple[list[list[Task]], list[Task]]:
        """As many jobs as there is room for, and the tasks that have to wait."""
        jobs: list[list[Task]] = []
        for (stage, _), tasks in alike.items():
            size = max(min(PACK.get(stage, 1), math.ceil(len(tasks) / max(room, 1))), 1)
            jobs += [tasks[start : start + size] for start in range(0, len(tasks), size)]
        return jobs[:room], [task for tasks in jobs[room:] for task in tasks]

    def _work(self, tasks: Sequence[Task]) -> Work:
        stage, self._jobs = tasks[0].stage, self._jobs + 1
        name = f"{stage}-{self._jobs:05d}"
        path = self.files.put_job(Job(name=name, asked=self.asked, tasks=tuple(tasks)))
        needs, log = self.chosen.needs(stage, tasks[0].gpus), self.files.log(name)
        env = {**self.start.env, THREADS: str(needs.cpus), CHILD: "1"}
        return Work(name, stage, (*self.start.command, str(path), "--log", str(log)), env, log, needs)

    def _fly(self, name: str, tasks: Sequence[Task], handle: str) -> None:
        self._flying[name] = _Flying(tasks, handle)
        for task in tasks:
            del self._waiting[task.name]
            self._ready.discard(task.name)
            self._held.add(self._tokens.get(task.name, task.name))

    def _hear(self) -> Iterator[tuple[Task, Outcome]]:
        """What the jobs that have ended say of their tasks; others are lost, and wait again."""
        handles = {name: job.handle for name, job in self._flying.items()}
        for name in self.executor.finished(handles) if handles else ():
            job = self._flying[name]
            told = {outcome.task: outcome for outcome in self.files.outcomes(name)}
            if any(task.name not in told for task in job.tasks):
                job.silent = job.silent or time.monotonic()
                if time.monotonic() - job.silent < SETTLE:
                    continue
            del self._flying[name]
            self.files.note("heard", job=name)
            for task in job.tasks:
                self._held.discard(self._tokens.get(task.name, task.name))
            for task in job.tasks:
                known = task.name in told
                yield from self._ended(task, told[task.name]) if known else self._lost(task, name, job.handle)

    def _ask_why(self) -> None:
        """Say what the engine says where no job has begun for long: it may wait for what there will never be."""
        silent = time.monotonic() - self._heard
        if silent < STALLED or any(self.files.has_started(name) for name in self._flying):
            return
        self._heard = time.monotonic()
        states = self.executor.states({name: job.handle for name, job in self._flying.items()})
        told = "; ".join(f"{job}: {words}" for job, words in list(states.items())[:3]) or "the engine does not say why"
        warnings.warn(f"no job has begun to work for {silent / 60:.0f} min: {told}", stacklevel=2)

    def _lost(self, task: Task, job: str, handle: str) -> Iterator[tuple[Task, Outcome]]:
        self._tries[task.name] += 1
        why = self.executor.states({job: handle}).get(job, "memory? time?")
        if self._tries[task.name] > self.chosen.needs(task.stage).retries:
            reason = f"{self._tries[task.name]} jobs ended without a word about it ({why}): see the log of {job}"
            yield from self._ended(task, Outcome(task=task.name, kind="failed", reason=reason))
            return
        warnings.warn(f"job {job} ended without a word about {task.name} ({why}); it is tried again", stacklevel=2)
        self.files.note("lost", job=job, task=task.name)
        self._waiting[task.name] = Node(task, token=self._tokens.get(task.name, ""))
        self._ready.add(task.name)

    def _ended(self, task: Task, outcome: Outcome) -> Iterator[tuple[Task, Outcome]]:
        """What follows a task that has ended; all that waits for one that failed has failed with it."""
        if outcome.kind == "store":
            raise StoreError(outcome.reason.partition("\n")[0], outcome.reason.partition("\n")[2].strip())
        self.files.note("ended", task=task.name, kind=outcome.kind, seconds=outcome.seconds, reason=outcome.reason)
        yield task, outcome
        for name in self._then.pop(task.name, ()):
            self._needs[name].discard(task.name)
            if name not in self._waiting:
                continue
            if outcome.kind != "ok":
                self._ready.discard(name)
                yield from self._ended(self._waiting.pop(name).task, outcome.model_copy(update={"task": name}))
            elif not self._needs[name]:
                self._ready.add(name)
