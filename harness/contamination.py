"""The contamination register: which data sets a pretrained checkpoint has seen, so that a table can say so."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from harness.errors import DataError
from harness.record import Frozen

REGISTER = Path(__file__).with_name("contamination.toml")
UNTRAINED = ("random", "none")
DRAWN = frozenset({"SyntheticHerd", "synthetic-herd"})
"""Data that this harness draws itself: no published checkpoint can have seen it."""
HUB, TIMM = "hf-hub:", "timm/"
HEAD = 8
"""Hex digits of a weight file's SHA-256 that a record shows."""

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Checkpoint(Frozen):
    """One entry of the register."""

    name: Text = Field(description="what a reader calls it")
    models: tuple[Text, ...] = Field((), description="shell patterns on the model's name, without hf-hub: and timm/")
    sha256: tuple[Sha256, ...] = Field((), description="of weight files")
    datasets: tuple[Text, ...] = Field((), description="re-identification data sets that it was trained on")
    unknown: bool = Field(False, description="trained on more than is listed, and nobody published what")
    source: Text = Field(description="where this is said")
    licence: Text = Field(description="of the weights")
    remark: str = ""

    @model_validator(mode="after")
    def _findable(self) -> Self:
        if not (self.models or self.sha256):
            raise ValueError("names neither a model nor a weight file")
        return self


class Register(Frozen):
    """The whole file."""

    checkpoint: tuple[Checkpoint, ...]


@dataclass(frozen=True)
class Seen:
    """What a backbone had seen before it was given any data of this harness.

    ``datasets``: re-identification data sets that it is known to have seen; ``unknown``: it has, or may have, seen
    more; ``source``: who says so; ``remark``: what else a reader should know.
    """

    datasets: frozenset[str] = frozenset()
    unknown: bool = False
    source: str = ""
    remark: str = ""


def read(path: Path = REGISTER) -> tuple[Checkpoint, ...]:
    """The entries of a register, in order.

    Raises:
        DataError: it is missing, no TOML, or an entry is not as it should be; names the entry and the field.
    """
    try:
        return Register.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).checkpoint
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"cannot read the contamination register {path.name}: {error}", "Mend the file.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path.name}: {place}: {first['msg']}", "Mend that entry.") from None


def seen(settings: Mapping[str, Any], plugin: str = "") -> Seen:
    """What a backbone had seen, from its settings as a record shows them (``harness.config.public``).

    Args:
        settings: ``weights`` = ``pretrained``, ``random`` or ``file@head-of-SHA-256``; ``model``, where there is one.
        plugin: the backbone's name, which stands for the model where no setting names one (``resnet50``).

    What is not in the register is unknown. A weight file is known by its content only, never by its name.
    """
    weights, model = str(settings.get("weights", "")), str(settings.get("model") or plugin)
    if weights in UNTRAINED:
        return Seen(source="random weights")
    if weights == "pretrained":
        entry, what = _by_model(model), f"the checkpoint {model!r}"
    else:
        entry, what = _by_file(weights.rpartition("@")[2]), f"the weight file {weights!r}"
    if entry is None:
        return Seen(unknown=True, source=f"{what} is not in the contamination register")
    return Seen(frozenset(entry.datasets), entry.unknown, entry.source, entry.remark)


def contaminated(seen: Seen, tests: Iterable[str]) -> tuple[str, ...]:
    """Names among the data sets of a test that the checkpoint is known to have seen, sorted."""
    return tuple(sorted(seen.datasets & (set(tests) - DRAWN)))


def mark(seen: Seen, tests: Iterable[str]) -> str:
    """What a table shows beside a row: ``seen: NyalaData``, ``unknown``, or nothing where the test is clean."""
    foreign = set(tests) - DRAWN
    if names := contaminated(seen, foreign):
        return f"seen: {', '.join(names)}"
    return "unknown" if seen.unknown and foreign else ""


@cache
def _shipped() -> tuple[Checkpoint, ...]:
    return read()


def _by_model(model: str) -> Checkpoint | None:
    name = model.removeprefix(HUB).partition("@")[0].removeprefix(TIMM)  # @ names a revision on the hub
    return next((entry for entry in _shipped() if any(_fits(name, pattern) for pattern in entry.models)), None)


def _fits(name: str, pattern: str) -> bool:
    """A star does not cross a slash: somebody's ``me/mine.in1k`` is none of timm's checkpoints."""
    return name.count("/") == pattern.count("/") and fnmatchcase(name, pattern)


def _by_file(head: str) -> Checkpoint | None:
    if len(head) < HEAD:
        return None
    return next((entry for entry in _shipped() if any(full.startswith(head) for full in entry.sha256)), None)
