"""The folder of a run: what is to be done, what was submitted, how it ended; every file whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from harness.disk import explained, write_atomically
from harness.errors import ExecutorError
from harness.jobs.tasks import Task
from harness.parts import checksum
from harness.record import Frozen

FOLDERS = ("jobs", "outcomes", "started", "logs", "submitit")


class Asked(Frozen):
    """What a run was asked for: everything that another process needs to expand the same cells.

    ``grid``: as in a grid file, after ``--set``. ``plugins``: files, each with its SHA-256. ``cwd``: where relative
    paths begin.
    """

    grid: Mapping[str, Any]
    only: tuple[str, ...] = ()
    plugins: Mapping[str, str] = {}
    device: str = "auto"
    store: str
    cwd: str

    def check_plugins(self) -> None:
        """These files stay where they are, unlike the code of the harness, as they may read others beside them.

        Raises:
            ExecutorError: one has changed since the run began, or is not there.
        """
        for file, told in self.plugins.items():
            if checksum(Path(file)) != told:
                raise ExecutorError(
                    f"the plugin file {file} has changed since the run began, or is not on this machine",
                    "Put it back, or start the run again, which begins a new one.",
                )


class Job(Frozen):
    """``JOB.json``: tasks of one stage that one process does, one after the other."""

    schema_: int = 1
    name: str
    asked: Asked
    tasks: tuple[Task, ...]


class Outcome(Frozen):
    """How a task ended. ``kind``: ok, failed (it would fail again), or store (nothing could be written)."""

    task: str
    kind: str
    reason: str = ""
    seconds: float = 0.0
    record: Mapping[str, Any] | None = None


class RunFiles:
    """The files of one run below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def make(self) -> None:
        """Make the folders.

        Raises:
            StoreError: they cannot be made.
        """
        with explained(self.root, "folder of the run", "--runs"):
            for name in FOLDERS:
                (self.root / name).mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def driven(self) -> Iterator[None]:
        """Be the one process that drives the run.

        Raises:
            ExecutorError: another process does.
        """
        lock = FileLock(self.root / "driver.lock")
        try:
            lock.acquire(timeout=1)  # who only asks whether it is held, holds it for an instant
        except Timeout as error:
            raise ExecutorError(
                f"another process drives the run {self.root.name}", f"Look at it with: harness status {self.root}"
            ) from error
        try:
            yield
        finally:
            lock.release()

    @property
    def is_driven(self) -> bool:
        """Whether some process drives the run at this moment."""
        try:
            with (self.root / "driver.lock").open("rb") as file:  # reading is enough: a run may be somebody else's
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # it was never driven, or may not be looked at
            return False
        return False

    def write(self, name: str, content: Any) -> Path:
        """Put JSON into a file at once."""
        path = self.root / name
        with explained(path, "folder of the run", "--runs"):
            write_atomically(path, json.dumps(content, ensure_ascii=False).encode())
        return path

    def read(self, name: str) -> Any:
        """JSON of a file; None where it is not there or not whole."""
        try:
            return json.loads((self.root / name).read_bytes())
        except (OSError, ValueError):
            return None

    def put_job(self, job: Job) -> Path:
        """Write ``JOB.json``."""
        return self.write(f"jobs/{job.name}.json", job.model_dump(mode="json"))

    def put_outcomes(self, job: str, outcomes: Sequence[Outcome]) -> None:
        """Replace what a job says of its tasks."""
        self.write(f"outcomes/{job}.json", [outcome.model_dump(mode="json") for outcome in outcomes])

    def outcomes(self, job: str) -> list[Outcome]:
        """What a job has said of its tasks so far."""
        told = self.read(f"outcomes/{job}.json")
        try:
            return [Outcome.model_validate(item) for item in told or ()]
        except (ValidationError, TypeError):
            return []  # written by other code: as if it had not been told

    def log(self, job: str) -> Path:
        """Where a job writes what it prints."""
        return self.root / "logs" / f"{job}.log"

    def has_started(self, job: str) -> bool:
        """Whether a job has begun to work, if only once."""
        return (self.root / "started" / f"{job}.json").is_file()

    def note(self, event: str, **more: Any) -> None:
        """Append a line to the history of the run."""
        line = json.dumps({"time": round(time.time(), 2), "event": event, **more}, ensure_ascii=False)
        with explained(self.root, "folder of the run", "--runs"), (self.root / "events.jsonl").open("a") as file:
            file.write(line + "\n")

    def events(self) -> list[dict[str, Any]]:
        """The history; a line that a full disk has cut is passed over."""
        path, out = self.root / "events.jsonl", []
        for line in path.read_text("utf-8", "replace").splitlines() if path.is_file() else []:
            with contextlib.suppress(ValueError):
                told = json.loads(line)
                if isinstance(told, dict) and isinstance(told.get("event"), str):
                    out.append(told)
        return out

    @property
    def cancelled(self) -> bool:
        """Whether somebody has asked for the run to end."""
        return (self.root / "cancel").exists()


def read_job(path: Path) -> Job:
    """Read ``JOB.json``.

    Raises:
        ExecutorError: it is not there, or no job.
    """
    try:
        return Job.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ExecutorError(f"cannot read {path}: {error.strerror}", "Give the JSON file of a job.") from error
    except ValidationError as error:
        first = error.errors()[0]
        fault = f"{'.'.join(map(str, first['loc'])) or 'JSON'}: {first['msg']}"
        raise ExecutorError(f"{path} is no job ({fault})", "harness run --executor writes jobs.") from error
