"""``--executor``: a reference such as ``slurm[partition=gpu]``, or a TOML file with a table for each stage."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import ExecutorError, GridError
from harness.executors.base import Executor, Needs
from harness.executors.local import Local, LocalSettings, cards
from harness.executors.ray import Ray, RaySettings
from harness.executors.slurm import Slurm, SlurmSettings
from harness.refs import parse
from harness.settings import validated

STAGES = ("train", "rank", "describe", "match", "score")
"""Kinds of jobs."""
SETTINGS: dict[str, type[Needs]] = {"local": LocalSettings, "slurm": SlurmSettings, "ray": RaySettings}
LASTING = frozenset({"slurm"})
"""Engines whose jobs go on, and can be found by their handles, when the process that handed them over has ended."""
PACKAGES = {"slurm": "submitit", "ray": "ray"}


@dataclass(frozen=True)
class Chosen:
    """An engine with its settings, and what jobs of each stage ask for."""

    name: str
    settings: Needs
    stages: Mapping[str, Needs]

    def needs(self, stage: str, devices: int = 1) -> Needs:
        """Of a job; ``devices``: GPUs that one training is to run on."""
        found = self.stages[stage]
        return found.model_copy(update={"gpus": max(found.gpus, devices)}) if found.gpus and devices > 1 else found

    @property
    def device(self) -> str:
        """Where networks run in these jobs: what the machine has that hands them over does not matter."""
        return "cuda" if self.stages["train"].gpus else "cpu"

    def build(self, folder: Path) -> Executor:
        """The executor itself; ``folder`` is for its own files.

        Raises:
            ExecutorError: its package is not installed, or its engine is not there.
        """
        package = PACKAGES.get(self.name)
        if package and find_spec(package) is None:
            raise ExecutorError(f"{self.name} needs {package}", f"pip install 'reid-harness[{self.name}]'")
        makers: dict[str, Callable[[Any], Executor]] = {
            "local": _local,
            "slurm": lambda settings: Slurm(settings, folder),
            "ray": Ray,
        }
        return makers[self.name](self.settings)


def chosen(text: str) -> Chosen:
    """Read what ``--executor`` was given.

    Raises:
        ExecutorError: no such engine or file; GridError: a wrong setting.
    """
    if text.endswith(".toml"):
        return table(_file(Path(text)), f"executor {text}")
    try:
        ref = parse(text)
    except GridError as error:
        raise ExecutorError(f"{text!r} is no executor", f"There are: {', '.join(SETTINGS)}. {error.advice}") from error
    return table({"executor": ref.name, **ref.settings})


def table(given: Mapping[str, Any], where: str = "executor") -> Chosen:
    """The same from what a file holds: ``executor``, its settings, and a table for each stage that asks for more.

    Raises:
        ExecutorError: no such engine; GridError: a wrong setting.
    """
    settings = {key: value for key, value in given.items() if key != "executor"}
    name = given.get("executor", "")
    if name not in SETTINGS:
        problem = f"there is no executor {name!r}" if name else f'{where} does not say which: executor = "..."'
        raise ExecutorError(problem, f"There are: {', '.join(SETTINGS)}.")
    if name == "local" and "gpus" not in settings and cards():
        settings["gpus"] = 1
    own = {stage: settings.pop(stage) for stage in STAGES if isinstance(settings.get(stage), Mapping)}
    fields = SETTINGS[name].model_fields
    for unknown in (key for key, value in settings.items() if isinstance(value, Mapping) and key not in fields):
        raise ExecutorError(f"{where} has a table [{unknown}]", f"There are tables for: {', '.join(STAGES)}.")
    where = f"executor {name}" if where == "executor" else where
    common = validated(SETTINGS[name], settings, where)
    return Chosen(name, common, {stage: _needs(common, own.get(stage, {}), f"{where} [{stage}]") for stage in STAGES})


def _local(settings: LocalSettings) -> Local:
    """Processes here; said at once where they could only fail."""
    if settings.gpus and not cards():
        raise ExecutorError(f"local[gpus={settings.gpus}], but this machine has no GPU", "Leave gpus out.")
    return Local(settings, cards())


def _needs(settings: Needs, own: Mapping[str, Any], where: str) -> Needs:
    common = {field: getattr(settings, field) for field in Needs.model_fields}
    return validated(Needs, {**common, **own}, where)


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExecutorError(
            f"cannot read {path}: {error.strerror}", "Give a TOML file, or name[setting=value]."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExecutorError(f"{path} is not valid TOML: {error}", "Mend the file at that place.") from error
