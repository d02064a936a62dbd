"""How a run stands: tasks of each stage, jobs, rate and time left, by its files alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import ExecutorError
from harness.executors.chosen import LASTING, STAGES
from harness.jobs.files import RunFiles


@dataclass
class StageState:
    """Tasks of one stage. ``queued``: handed over, not yet begun. ``seconds``: what one has taken on average."""

    waiting: int = 0
    queued: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    """Tasks an hour since the first job of this stage began."""

    @property
    def left(self) -> int:
        """Tasks that have not ended."""
        return self.waiting + self.queued + self.running

    @property
    def hours(self) -> float | None:
        """Until the stage is through at its rate; None where nothing has ended yet."""
        return (self.left / self.rate if self.rate else None) if self.left else 0.0


@dataclass
class RunState:
    """A run.

    ``state``: running, stopped (without a driver before it was through), cancelling, cancelled or finished. ``reason``:
    what ended it early. ``failures``: task, job and reason of each; those that waited for a failed one have no job.
    """

    name: str
    state: str
    executor: str
    stages: dict[str, StageState]
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    lost: int = 0
    reason: str = ""

    @property
    def hours(self) -> float | None:
        """Until all is done at the rates so far, one stage after the other at worst; None where one has no rate yet."""
        found = [stage.hours for stage in self.stages.values()]
        known = [hours for hours in found if hours is not None]
        return sum(known) if len(known) == len(found) else None

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        stages = {
            n: {**asdict(s), "seconds_left": None if s.hours is None else 3600 * s.hours}
            for n, s in self.stages.items()
        }
        failures = [{"task": task, "job": job, "reason": reason} for task, job, reason in self.failures]
        left = None if self.hours is None else round(3600 * self.hours)
        return {"run": self.name, "state": self.state, "reason": self.reason, "executor": self.executor,
                "stages": stages, "failures": failures, "lost": self.lost, "seconds_left": left}  # fmt: skip


def runs(root: Path) -> list[Path]:
    """The runs below a folder, the newest last."""
    found = [path.parent for path in root.glob("*/events.jsonl")]
    return sorted(found, key=lambda path: (path / "events.jsonl").stat().st_mtime)


def find(run: str | None, root: Path) -> RunFiles:
    """A run by its folder or name; the newest where none is named.

    Raises:
        ExecutorError: there is none.
    """
    if run is None:
        there = runs(root)
        if not there:
            raise ExecutorError(
                f"there are no runs in {root}",
                "harness run --executor starts one, whose folder is there after some seconds; or give --runs DIR.",
            )
        return RunFiles(there[-1])
    for folder in (Path(run), root / run):
        if (folder / "events.jsonl").is_file():
            return RunFiles(folder)
    names = ", ".join(path.name for path in runs(root)) or "none"
    raise ExecutorError(f"there is no run {run!r}", f"In {root} there are: {names}.")


def state(files: RunFiles, waiting: Collection[str] = ()) -> RunState:
    """Read how a run stands.

    Args:
        waiting: jobs of which the engine says that they wait: one that has begun may wait again.
    """
    tasks = {str(task["name"]): str(task["stage"]) for task in files.read("tasks.json") or ()}
    stages = {stage: StageState() for stage in STAGES if stage in set(tasks.values())}
    seen = _History(files)
    alive = _alive(seen, files)
    out = RunState(files.root.name, "stopped", seen.executor, stages, lost=seen.lost, reason=seen.reason)
    spent: defaultdict[str, list[float]] = defaultdict(list)
    for task, stage in tasks.items():
        found = stages[stage]
        ended = seen.ended.get(task)
        job = seen.job.get(task, "")
        if ended and ended["kind"] == "ok":
            found.done += 1
            spent[stage].append(float(ended.get("seconds", 0)))
        elif ended:
            found.failed += 1
            out.failures.append((task, job, str(ended.get("reason", ""))))
        elif job in alive:
            running = files.has_started(job) and job not in waiting
            found.running += running
            found.queued += not running
        else:
            found.waiting += 1
    for stage, values in spent.items():
        stages[stage].seconds = sum(values) / len(values)
        hours = (seen.last[stage] - seen.first.get(stage, seen.last[stage])) / 3600
        stages[stage].rate = stages[stage].done / hours if hours > 0 else 0.0
    out.state = _state(files, out, seen)
    return out


def _state(files: RunFiles, out: RunState, seen: _History) -> str:
    if files.is_driven:
        return "cancelling" if files.cancelled else "running"
    if files.cancelled:
        return "cancelled"
    unfinished = seen.preparing or any(stage.left for stage in out.stages.values())
    return "stopped" if unfinished else "finished"


class _History:
    """What the events since the last start say."""

    def __init__(self, files: RunFiles) -> None:
        self.ended: dict[str, dict[str, Any]] = {}
        self.job: dict[str, str] = {}
        self.flying: dict[str, str] = {}
        self.executor, self.reason, self.lost, self.preparing = "", "", 0, False
        self.handles: dict[str, str] = {}
        self.first: dict[str, float] = {}
        self.last: dict[str, float] = {}
        for event in files.events():
            getattr(self, f"_{event['event']}", lambda event: None)(event)

    def _opened(self, event: dict[str, Any]) -> None:
        self.executor, self.reason, self.preparing = str(event.get("executor", "")), "", True

    def _stopped(self, event: dict[str, Any]) -> None:
        self.preparing = False

    def _broke(self, event: dict[str, Any]) -> None:
        self.reason = str(event.get("reason", ""))

    def _began(self, event: dict[str, Any]) -> None:
        self._opened(event)
        self.preparing = False
        self.ended, self.lost, self.first, self.last = {}, 0, {}, {}

    def _submitted(self, event: dict[str, Any]) -> None:
        self.handles[event["job"]] = self.flying[event["job"]] = str(event.get("handle"))
        self.job |= dict.fromkeys(event.get("tasks", ()), event["job"])
        self.first.setdefault(event["job"].partition("-")[0], float(event["time"]))

    def _heard(self, event: dict[str, Any]) -> None:
        self.flying.pop(event["job"], None)

    _cancelled = _heard

    def _lost(self, event: dict[str, Any]) -> None:
        self.lost += 1

    def _ended(self, event: dict[str, Any]) -> None:
        self.ended[event["task"]] = event
        self.last[event["task"].partition("-")[0]] = float(event["time"])


def flying(files: RunFiles) -> dict[str, str]:
    """Jobs that were handed over and of whose end nothing was heard: name -> handle."""
    return _History(files).flying


def alive(files: RunFiles) -> dict[str, str]:
    """Those of them that may still run or wait."""
    return _alive(_History(files), files)


def _alive(seen: _History, files: RunFiles) -> dict[str, str]:
    """Without a driver only jobs of an engine that keeps them."""
    return seen.flying if files.is_driven or seen.executor in LASTING else {}


def handle_of(files: RunFiles, job: str) -> str:
    """What the engine calls a job; empty for one that was never handed over."""
    return _History(files).handles.get(job, "")


def executor_of(files: RunFiles) -> str:
    """The name of the executor that the run was last driven with."""
    return _History(files).executor
