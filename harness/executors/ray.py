"""Ray: works as tasks with CPUs and GPUs as resources, tried again where a node is lost."""

from __future__ import annotations

import logging
import socket
import subprocess
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from harness.errors import ExecutorError
from harness.executors.base import Handles, Needs, Work

SECONDS = 10.0
"""For a head node to answer."""


class RaySettings(Needs):
    """Settings of ``ray``."""

    address: str = Field("", description="a cluster that runs (auto, host:port); empty starts one on this machine")


class Ray:
    """A work is Python's own ``subprocess.run`` of a command, so no object of the harness is sent anywhere."""

    def __init__(self, settings: RaySettings) -> None:
        import ray

        self.settings, self._refs = settings, dict[str, Any]()
        _answers(settings.address)
        if not ray.is_initialized():
            try:
                ray.init(address=settings.address or "local", log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise ExecutorError(
                    f"no Ray cluster at {settings.address!r}: {error}", "Give ray[address=HOST:PORT] of its head node."
                ) from error
        self._run = ray.remote(subprocess.run)
        self.slots = max(int(ray.cluster_resources().get("CPU", 1)), 1)

    def submit(self, works: Sequence[Work]) -> dict[str, str]:
        """The handle of a work is its own name: Ray ends what it started with the process that asked for it."""
        for work in works:
            run = self._run.options(
                name=work.name,
                num_cpus=work.needs.cpus,
                num_gpus=work.needs.gpus,
                memory=work.needs.memory * 2**30 or None,
                max_retries=work.needs.retries,
                runtime_env={"env_vars": dict(work.env)},
            )
            self._refs[work.name] = run.remote(
                work.command, stdin=subprocess.DEVNULL, timeout=60 * work.needs.time or None
            )
        return {work.name: work.name for work in works}

    def finished(self, handles: Handles) -> set[str]:
        """Those that have ended, and those that Ray has given up."""
        import ray

        if self._refs:
            ready, _ = ray.wait(list(self._refs.values()), num_returns=len(self._refs), timeout=0, fetch_local=False)
            done = set(ready)
            self._refs = {name: ref for name, ref in self._refs.items() if ref not in done}
        return set(handles) - set(self._refs)

    def states(self, handles: Handles) -> dict[str, str]:
        """What they ask for, and what the whole cluster has."""
        import ray

        have = {name: amount for name, amount in ray.cluster_resources().items() if name in ("CPU", "GPU", "memory")}
        return {name: f"not ended; the cluster has {have}" for name in handles if name in self._refs}

    def cancel(self, handles: Handles) -> None:
        """Stop the workers; their commands end with them."""
        import ray

        for name in set(handles) & set(self._refs):
            ray.cancel(self._refs.pop(name), force=True)


def _answers(address: str) -> None:
    """Ray itself asks a silent address again for minutes.

    Raises:
        ExecutorError: nobody listens there.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return  # "auto", or none: Ray looks for itself
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS).close()
    except OSError as error:
        advice = "Give ray[address=HOST:PORT] of its head node."
        raise ExecutorError(f"no Ray cluster at {address}: {error}", advice) from error
