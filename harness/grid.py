"""Grids: a TOML file becomes validated cells before anything runs; impossible cells are kept with their reason."""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt

from harness.cell import AXES, NONE, OPTIONAL, Cell
from harness.choice import Choice
from harness.combinations import features_of, impossible, standing
from harness.config import Config
from harness.errors import GridError, HarnessError
from harness.protocol import Protocol
from harness.refs import Ref, parse
from harness.registry import Registry
from harness.settings import validated
from harness.stages.train import TrainSettings

SECTIONS = ("grid", "protocol", "train", "axes")
FOLDER = Path(__file__).parent / "grids"


class Heading(Config):
    """The ``[grid]`` section."""

    name: str = Field("custom", description="name of the grid, written into its records", pattern=r"^[\w.-]+$")
    description: str = Field("", description="one line on what the grid answers")
    seeds: tuple[NonNegativeInt, ...] = Field((0,), description="seeds; every cell runs once with each", min_length=1)


@dataclass(frozen=True, eq=False)
class Grid:
    """A validated grid: its heading, its protocol, and its cells in running order."""

    heading: Heading
    protocol: Protocol
    dataset: Choice
    cells: tuple[Cell, ...]


def names() -> list[str]:
    """The grids that ship with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name_or_file: str) -> dict[str, Any]:
    """Load a named grid or a TOML file, not yet validated.

    Raises:
        GridError: no such grid, or not TOML (with line and column).
    """
    path = FOLDER / f"{name_or_file}.toml" if name_or_file in names() else Path(name_or_file)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        near = difflib.get_close_matches(name_or_file, names(), n=1)
        advice = (
            f"Did you mean {near[0]!r}?" if near else f"Built-in grids: {', '.join(names())}; or give a .toml file."
        )
        raise GridError(f"there is no grid {name_or_file!r}", advice) from error
    except tomllib.TOMLDecodeError as error:
        raise GridError(f"{path} is not valid TOML: {error}", "Mend the file at that place.") from error


def override(raw: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Apply ``section.setting=value`` assignments (``--set``); a value is TOML, or else plain text."""
    out = {section: dict(values) if isinstance(values, dict) else values for section, values in raw.items()}
    for text in assignments:
        path, equals, value = text.partition("=")
        section, dot, setting = path.strip().partition(".")
        if not (equals and dot and setting):
            raise GridError(f"--set {text!r} is not section.setting=value", "For example --set train.epochs=3")
        out.setdefault(section, {})[setting] = _toml_value(value.strip())
    return out


def expand(raw: Mapping[str, Any], registry: Registry, only: Sequence[str] = ()) -> Grid:
    """Validate a grid as a whole and expand it to cells.

    Args:
        raw: sections ``grid``, ``protocol``, ``train``, ``axes`` as :func:`read` gives them.
        only: ``axis=pattern`` filters (shell patterns on name or label, several by comma).

    Raises:
        GridError, PluginError: a typo, an unknown plugin or setting, an empty axis. All faults are told at once.
    """
    _check_names(raw.keys(), SECTIONS, "section", "a grid")
    heading = validated(Heading, raw.get("grid", {}), "[grid]")
    protocol = validated(Protocol, raw.get("protocol", {}), "[protocol]")
    dataset = registry.resolve("dataset", protocol.dataset)
    cells: dict[str, Cell] = {}
    for choices, train in _blocks(raw.get("axes", {}), raw.get("train", {}), registry):
        settings = [validated(TrainSettings, values, "[train]") for values in _product(train)]
        for cell in _cells(heading, choices, settings, registry):
            cells.setdefault(cell.id, cell)
    kept = _filtered(list(cells.values()), only)
    return Grid(heading, protocol, dataset, tuple(kept))


def _blocks(axes: Any, train: Any, registry: Registry) -> list[tuple[dict[str, list[Choice | None]], dict[str, Any]]]:
    """``[axes]`` is one product of its lists; several ``[[axes]]`` are as many products, and their cells are united.

    A block may have a ``train`` table of its own, which overrides ``[train]``.
    """
    out = []
    for block in axes if isinstance(axes, list) else [axes]:
        own = block.get("train", {}) if isinstance(block, dict) else {}
        for table in (block, train, own):
            if not isinstance(table, dict):
                raise GridError(f"{table!r} is no table", "Write [axes] and [train] with setting = value lines.")
        _check_names(block.keys(), (*AXES, "train"), "axis", "[axes]")
        out.append((_choices(block, registry), {**train, **own}))
    return out


def _choices(axes: Mapping[str, Any], registry: Registry) -> dict[str, list[Choice | None]]:
    out: dict[str, list[Choice | None]] = {}
    faults: list[HarnessError] = []
    for axis in AXES:
        out[axis] = []
        given = axes.get(axis, NONE if axis in OPTIONAL else [])
        for item in given if isinstance(given, list) else [given]:
            try:
                out[axis].extend(_resolved(axis, item, registry))
            except HarnessError as error:
                faults.append(error)
        if not out[axis] and not faults:
            faults.append(GridError(f"axis {axis!r} is empty", f"Give at least one {axis} in [axes]."))
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise GridError(f"{len(faults)} faults in [axes]:\n- " + "\n- ".join(map(str, faults)))
    return out


def _resolved(axis: str, item: Any, registry: Registry) -> Iterator[Choice | None]:
    """One entry of an axis; a table ``{name = ..., setting = [a, b]}`` may hold lists, which are axes too."""
    if item == NONE and axis in OPTIONAL:
        yield None
    elif isinstance(item, str):
        yield registry.resolve(axis, item)
    elif isinstance(item, dict) and isinstance(item.get("name"), str):
        for settings in _product({k: v for k, v in item.items() if k != "name"}):
            yield registry.resolve(axis, Ref(parse(item["name"]).name, settings))
    else:
        raise GridError(
            f"axis {axis!r} has {item!r}", "Write 'name[setting=value]' or {name = '...', setting = value}."
        )


def _cells(
    heading: Heading, choices: dict[str, list[Choice | None]], trains: list[TrainSettings], registry: Registry
) -> Iterator[Cell]:
    for seed, train in itertools.product(heading.seeds, trains):
        for backbone, loss, matcher, fusion, openset in itertools.product(*(choices[axis] for axis in AXES)):
            assert backbone is not None
            features = features_of(matcher, registry) if matcher else None
            cell = Cell(
                heading.name, backbone, loss, matcher, features, standing(fusion, matcher), openset, train, seed
            )
            yield replace(cell, skip=impossible(cell))


def _filtered(cells: list[Cell], only: Sequence[str]) -> list[Cell]:
    for text in only:
        axis, equals, patterns = text.partition("=")
        if axis not in (*AXES, "seed") or not equals:
            problem = f"there is no axis {axis!r}" if equals else "it is not axis=pattern"
            raise GridError(f"--only {text!r}: {problem}", f"Axes: {', '.join(AXES)}, seed.")
        wanted = [p.strip() for p in re.split(r",(?![^\[]*\])", patterns)]  # not at the commas between brackets
        cells = [cell for cell in cells if _matches(cell, axis, wanted)]
        if not cells:
            raise GridError(f"--only {text!r} leaves no cell", "Look at the cells with: harness plan")
    return cells


def _matches(cell: Cell, axis: str, wanted: list[str]) -> bool:
    label = cell.labels[axis]
    return (
        any(fnmatchcase(text, pattern) for pattern in wanted for text in (label, label.partition("[")[0]))
        or label in wanted
    )


def _product(table: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every list in a table is an axis."""
    values = [value if isinstance(value, list) else [value] for value in table.values()]
    for combination in itertools.product(*values):
        yield dict(zip(table, combination, strict=True))


def _check_names(given: Any, known: Sequence[str], what: str, where: str) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            advice = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
            raise GridError(f"{where} has no {what} {name!r}", advice)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
