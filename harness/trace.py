"""Traces: what a finished cell has left in the store, noted beside it, so that a record can be looked into later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.cell import AXES, NONE, Cell
from harness.choice import Choice
from harness.config import anchored
from harness.disk import explained, mark_used, write_atomically
from harness.errors import GridError
from harness.keys import Keys
from harness.protocol import Data
from harness.record import Frozen, RunRecord
from harness.refs import Ref, parse
from harness.store import Key, Store


class Trace(Frozen):
    """Where the results of one cell lie. It stays in the store, since it holds paths of this machine.

    ``recipe``: a grid of this one cell, every setting written out and every path absolute. ``keys``: stage -> digest of
    its key. ``ranking``: digest of the ranked lists, equal to that of the record.
    """

    recipe: Mapping[str, Any]
    keys: Mapping[str, str]
    ranking: str


def leave(store: Store, cell: Cell, data: Data, dataset: Choice, keys: Keys, ranking: str) -> None:
    """Note what a cell that has run has left; a later run of the same cell takes its place.

    Raises:
        StoreError: the disk is full, or cannot be written.
    """
    trace = Trace(recipe=_recipe(cell, data, dataset), keys=keys_of(cell, keys), ranking=ranking)
    path = _path(store, data.protocol_hash, cell.id)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, trace.model_dump_json().encode())
    store.share(path)


def find(store: Store, record: RunRecord) -> Trace | None:
    """The trace of a record's ranking; None where this store has none, or only that of another ranking."""
    path = _path(store, record.protocol_hash, record.cell)
    found = _read(path, record)
    return _read(path, record) if found is None and store.bring(path) else found


def _read(path: Path, record: RunRecord) -> Trace | None:
    try:
        trace = Trace.model_validate_json(path.read_bytes())
        mark_used(path)
    except (OSError, ValidationError):  # never written here, or damaged: then the cell is run again
        return None
    return trace if record.ranking in ("", trace.ranking) else None


def keys_of(cell: Cell, keys: Keys) -> dict[str, str]:
    """Stage -> digest of the key of everything that the cell's queries have come to."""
    found: dict[str, Key | None] = {
        "embed": keys.embed(cell),
        "retrieve": keys.retrieve(cell, "query"),
        "fuse": keys.fuse(cell, "query"),
        "cascade": keys.cascade(cell),
        "match": keys.match(cell),
        "describe": keys.describe(cell.features) if cell.features else None,
        "segment": keys.segment(cell.segmenter) if cell.segmenter else None,
        "decide": keys.decide(cell),
    }
    return {stage: key.digest for stage, key in found.items() if key}


def key_of(store: Store, stage: str, digest: str) -> Key | None:
    """The key of a value or a collection, from the file beside it; None where it is not there, or damaged."""
    for folder in (store.root / "values" / stage / digest[:2] / digest, store.root / "collections" / stage / digest):
        try:
            if not (folder / "key.json").is_file():
                store.bring(folder)
            parts = json.loads((folder / "key.json").read_text())
            key = Key(parts.pop("stage"), {name: part for name, part in parts.items() if name != "schema"})
        except (OSError, ValueError, LookupError, AttributeError):
            continue
        if key.digest == digest:
            return key
    return None


def _path(store: Store, protocol_hash: str, cell: str) -> Path:
    return store.root / "traces" / protocol_hash / f"{cell}.json"


def _recipe(cell: Cell, data: Data, dataset: Choice) -> dict[str, Any]:
    """The grid of this cell alone. Every value stands in a list of its own, since a list in a grid is an axis."""
    axes = {axis: NONE if (choice := getattr(cell, axis)) is None else _chosen(choice) for axis in AXES}
    return {
        "grid": {"name": cell.grid, "seeds": [cell.seed]},
        "protocol": {**data.protocol.model_dump(mode="json"), "dataset": _dataset(data, dataset)},
        "train": {name: [value] for name, value in cell.train.model_dump(mode="json").items()},
        "axes": {axis: chosen if chosen == NONE else [chosen] for axis, chosen in axes.items()},
    }


def _chosen(choice: Choice) -> dict[str, Any]:
    settings = {**choice.config.model_dump(mode="json"), **anchored(choice.config)}
    return {"name": choice.spec.name, **{name: [value] for name, value in settings.items()}}


def _dataset(data: Data, dataset: Choice) -> str:
    """The data set's reference with absolute paths; as it was given where such a path cannot be written in one."""
    given = parse(data.protocol.dataset)
    places = {name: path for name, path in anchored(dataset.config).items() if name in given.settings}
    placed = str(Ref(given.name, {**given.settings, **places}))
    try:
        return placed if str(parse(placed)) == placed else data.protocol.dataset
    except GridError:
        return data.protocol.dataset
