"""The small grid with a backbone that trains in a blink, in one process."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from support import SMALL
from tiny import TinyBackbone

from harness import BackboneSpec, Config
from harness.cell import Cell
from harness.choice import Choice
from harness.data import load
from harness.grid import Grid, expand
from harness.keys import Keys
from harness.progress import Quiet
from harness.registry import Registry
from harness.store import Store


def little(store: Store, build: Callable[[Any], Any] = lambda config: TinyBackbone()) -> tuple[Grid, Keys]:
    """Four cells (frozen and arcface, without and with a matcher) whose backbone ``build`` makes; no augmentation."""
    raw = tomllib.loads(SMALL)
    raw["train"]["augment"] = 0
    grid = expand(raw, Registry.load())
    backbone = Choice(BackboneSpec(name="tiny", version="1", build=build), Config(), "tiny")
    cells = tuple(replace(cell, backbone=backbone) for cell in grid.cells)
    return replace(grid, cells=cells), Keys(load(grid.dataset, grid.protocol, store, Quiet()), "cpu")


def fullest(grid: Grid) -> Cell:
    """The cell that asks for every stage."""
    return next(cell for cell in grid.cells if cell.loss and cell.matcher)
