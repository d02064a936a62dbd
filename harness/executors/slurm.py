"""SLURM through submitit: arrays of jobs, requeued by SLURM itself where they are preempted."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from harness.errors import ExecutorError
from harness.executors.base import Handles, Needs, Work

ENDED = frozenset(
    [
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "TIMEOUT",
        "REVOKED",
        "SPECIAL_EXIT",
    ]
)
"""States in which a job does not run again. PREEMPTED and REQUEUED are none of them: SLURM starts such a job anew."""
ASKED = 500
"""Jobs that one call of squeue or scancel names."""


class SlurmSettings(Needs):
    """Settings of ``slurm``; what is empty or 0 is left to the cluster."""

    partition: str = Field("", description="partition")
    account: str = Field("", description="account")
    qos: str = Field("", description="quality of service")
    constraint: str = Field("", description="features that a node must have")
    gres: str = Field("", description="generic resources of jobs with GPUs, instead of gpus, such as gpu:a100:1")
    jobs: int = Field(64, ge=1, description="jobs of an array that run at once, at most")
    array: int = Field(1000, ge=1, description="jobs of an array (see MaxArraySize of the cluster)")
    sbatch: dict[str, str | int | bool] = Field({}, description="other options of sbatch; false leaves one out")


class Slurm:
    """Submits works as arrays: one for all works of a stage that are ready at once.

    Args:
        folder: on a file system that all nodes see; submitit keeps its files there.
    """

    def __init__(self, settings: SlurmSettings, folder: Path) -> None:
        self.settings, self.folder, self.slots = settings, folder, settings.jobs
        if shutil.which("sbatch") is None or shutil.which("squeue") is None:
            raise ExecutorError(
                "there is no sbatch and no squeue here", "Start the run on a login node of the cluster."
            )

    def submit(self, works: Sequence[Work]) -> dict[str, str]:
        """One array a stage."""
        alike: dict[tuple[str, Needs], list[Work]] = defaultdict(list)
        for work in works:
            alike[work.stage, work.needs].append(work)
        handles: dict[str, str] = {}
        for (stage, needs), group in alike.items():
            for start in range(0, len(group), self.settings.array):
                handles |= self._array(stage, needs, group[start : start + self.settings.array])
        return handles

    def _array(self, stage: str, needs: Needs, works: Sequence[Work]) -> dict[str, str]:
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError
        from submitit.helpers import CommandFunction

        executor = SlurmExecutor(folder=self.folder)
        executor.update_parameters(**parameters(self.settings, stage, needs))
        try:
            with executor.batch():
                jobs = [
                    executor.submit(CommandFunction(list(work.command), verbose=False, env=dict(work.env)))
                    for work in works
                ]
        except FailedJobError as error:
            raise ExecutorError(
                f"sbatch refuses the {stage} jobs: {error}",
                "Mend the settings of slurm[...]; sinfo says whether the cluster answers.",
            ) from error
        return {work.name: str(job.job_id) for work, job in zip(works, jobs, strict=True)}

    def finished(self, handles: Handles) -> set[str]:
        """Those that squeue does not list as waiting or running; where it does not answer, none."""
        told = _told(handles)
        if told is None:
            return set()
        alive = {handle for handle, words in told.items() if words.split()[0] not in ENDED}
        return {name for name, handle in handles.items() if handle not in alive}

    def states(self, handles: Handles) -> dict[str, str]:
        """State and reason, such as ``PENDING (Resources)``; of one that ended minutes ago, how."""
        told = _told(handles, "--states=all") or {}
        return {name: told[handle] for name, handle in handles.items() if handle in told}

    def cancel(self, handles: Handles) -> None:
        """scancel."""
        for some in _some(list(handles.values())):
            subprocess.run(["scancel", *some], capture_output=True, check=False)  # noqa: S603, S607


def parameters(settings: SlurmSettings, stage: str, needs: Needs) -> dict[str, Any]:
    """What submitit is told of jobs of one stage; what is left to the cluster does not appear in its script."""
    told: dict[str, Any] = {
        "job_name": f"reid-{stage}",
        "array_parallelism": settings.jobs,
        "cpus_per_task": needs.cpus,
        "mem": f"{needs.memory}GB" if needs.memory else None,
        "partition": settings.partition or None,
        "account": settings.account or None,
        "qos": settings.qos or None,
        "constraint": settings.constraint or None,
        "additional_parameters": {k: v for k, v in {"requeue": True, **settings.sbatch}.items() if v is not False},
        "stderr_to_stdout": True,
        "use_srun": False,
    }
    if needs.gpus:
        told["gres" if settings.gres else "gpus_per_node"] = settings.gres or needs.gpus
    # A time of None is told, too: submitit's own default is five minutes.
    return {name: value for name, value in told.items() if value is not None} | {"time": needs.time or None}


def _told(handles: Handles, *more: str) -> dict[str, str] | None:
    """State and reason of those that squeue lists, by id, array tasks one by one; None where it does not answer."""
    told: dict[str, str] = {}
    for some in _some(sorted({handle.partition("_")[0] for handle in handles.values()})):
        command = ["squeue", "--noheader", "--array", "--format=%i %T (%r)", f"--jobs={','.join(some)}", *more]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode and "Invalid job id" not in done.stderr:  # else all of them are long gone
            warnings.warn(f"squeue does not answer ({done.stderr.strip()[:200]}); asked again later", stacklevel=3)
            return None
        lines = (line.strip().partition(" ") for line in done.stdout.splitlines() if line.strip())
        told |= {handle: words.replace(" (None)", "") for handle, _, words in lines}
    return told


def _some(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), ASKED):
        yield names[start : start + ASKED]
