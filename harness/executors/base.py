"""What an executor is handed, and what it must be able to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import Field

from harness.config import Config

THREADS = "OMP_NUM_THREADS"
"""Sums are rounded by the number of threads: with the same ``cpus`` a job gives the same numbers everywhere."""


class Needs(Config):
    """What a job of a stage asks for."""

    cpus: int = Field(1, ge=1, description="CPU cores of a job, and threads of its sums")
    gpus: int = Field(0, ge=0, description="GPUs of a job; with any, networks run on cuda")
    memory: int = Field(0, ge=0, description="GB of memory of a job; 0 leaves it to the cluster")
    time: int = Field(0, ge=0, description="minutes after which a job is stopped and goes on in a new one; 0 for none")
    retries: int = Field(
        3, ge=0, description="new jobs for a task whose job ended without a word (killed, out of time)"
    )


@dataclass(frozen=True)
class Work:
    """One command to run.

    ``stage`` says what kind of work it is, ``needs`` what it asks for. ``log``: where it writes what it prints.
    """

    name: str
    stage: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    needs: Needs


Handles = Mapping[str, str]
"""Name of a work -> what the engine calls it, in words that another process can use."""


class Executor(Protocol):
    """Runs commands somewhere. Whether one did its work it cannot say: the command writes that down itself."""

    slots: int
    """How many jobs run at once, as far as that is known."""

    def submit(self, works: Sequence[Work]) -> dict[str, str]:
        """Hand works over, and return at once with their handles.

        Raises:
            ExecutorError: the engine refuses them, or is not there.
        """

    def finished(self, handles: Handles) -> set[str]:
        """Names of those that wait and run no longer, however they ended; one that is not known here has ended."""

    def states(self, handles: Handles) -> dict[str, str]:
        """What the engine says of these, in its own words; of some it may say nothing."""

    def cancel(self, handles: Handles) -> None:
        """Stop these, whether they run or wait. Those that have ended are left alone."""
