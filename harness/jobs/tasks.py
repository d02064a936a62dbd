"""The tasks of a grid: trainings first, then rankings, matching in shards, and cells; each once, with what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from harness.cell import Cell
from harness.collection import Collection
from harness.keys import PARTS, Keys, Part
from harness.matching import SHARD
from harness.record import Frozen
from harness.store import Key, Store

ROWS = 8 * SHARD
"""Queries of one match task: 1,024 x 100 candidates are minutes of LightGlue on a GPU."""


class Task(Frozen):
    """What one process does at a time.

    ``cell``: id of a cell that wants it. ``parts`` and ``rows``: of a match task, whose pairs it matches. ``gpus``: of
    a training on several devices.
    """

    name: str
    stage: str
    cell: str
    parts: tuple[Part, ...] = ()
    rows: tuple[int, int] = (0, 0)
    gpus: int = 1


@dataclass(frozen=True)
class Node:
    """A task in the graph: ``needs`` are names of tasks that come first; of two with one ``token`` only one runs at a
    time, since the other would wait for its locks."""

    task: Task
    needs: frozenset[str] = frozenset()
    token: str = ""


def graph(cells: Iterable[Cell], keys: Keys, store: Store, rows: int = ROWS) -> dict[str, Node]:
    """The tasks of these cells that are not yet in the store, by name, in running order.

    Args:
        cells: that can run.
        rows: queries of one match task; made a multiple of the shards that are locked together.
    """
    made = _Graph(keys, store, max(rows // SHARD, 1) * SHARD)
    for cell in cells:
        if not store.has(keys.score(cell)):
            made.add(cell)
    order = {stage: place for place, stage in enumerate(("train", "describe", "rank", "match", "score"))}
    return dict(sorted(made.nodes.items(), key=lambda item: order[item[1].task.stage]))


class _Graph:
    def __init__(self, keys: Keys, store: Store, rows: int) -> None:
        self.keys, self.store, self.rows = keys, store, rows
        self.nodes: dict[str, Node] = {}
        self._done: dict[str, bool] = {}

    def add(self, cell: Cell) -> None:
        """The cell, and what it needs."""
        rank = self._rank(cell)
        name = f"score-{cell.id}"
        self.nodes[name] = Node(
            Task(name=name, stage="score", cell=cell.id), frozenset([*rank, *self._match(cell, rank)])
        )

    def _once(self, node: Node, there: Callable[[], bool]) -> list[str]:
        """The task's name, or nothing where the store has what it would make; looked up once."""
        name = node.task.name
        if name not in self._done:
            self._done[name] = there()
        if self._done[name]:
            return []
        self.nodes.setdefault(name, node)
        return [name]

    def _rank(self, cell: Cell) -> list[str]:
        """Embedding and ranking, after the training. One at a time of a network, whose embeddings have one lock."""
        first: list[str] = []
        train = self.keys.train(cell)
        if train:
            task = Task(name=f"train-{train.digest[:16]}", stage="train", cell=cell.id, gpus=cell.train.devices)
            first = self._once(Node(task), partial(self.store.has, train))
        wanted = [self.keys.retrieve(cell, part) for part in PARTS]
        wanted += [self.keys.neighbours(cell, part, cell.neighbours) for part in PARTS if cell.neighbours]
        deep = f"-{cell.neighbours}" if cell.neighbours else ""
        task = Task(name=f"rank-{wanted[0].digest[:16]}{deep}", stage="rank", cell=cell.id)
        node = Node(task, frozenset(first), self.keys.embed(cell).digest)
        return self._once(node, lambda: all(self.store.has(key) for key in wanted))

    def _match(self, cell: Cell, rank: list[str]) -> Iterator[str]:
        """Features and pairs; a cascade chooses the pairs of its queries itself, one depth after the other."""
        match = self.keys.match(cell)
        if match is None or cell.features is None:
            return
        key = self.keys.describe(cell.features)
        task = Task(name=f"describe-{key.digest[:16]}", stage="describe", cell=cell.id)
        described = self._once(Node(task), lambda: not self._lacking(key))
        ranking = self.keys.retrieve(cell, "query").digest[:16]
        parts: tuple[Part, ...] = ("validation",) if cell.cascade else PARTS
        name, needs = f"match-{match.digest[:16]}-{ranking}-{len(parts)}", frozenset([*described, *rank])
        for start in range(0, max(len(self.keys.asked[part]) for part in parts), self.rows):
            rows, own = (start, start + self.rows), f"{name}-{start}"
            matching = Task(name=own, stage="match", cell=cell.id, parts=parts, rows=rows)
            self.nodes.setdefault(own, Node(matching, needs, f"{match.digest}-{start}"))
            yield own

    def _lacking(self, key: Key) -> bool:
        return bool(Collection(self.store, key).missing(self.keys.data.table.digest.tolist()))
