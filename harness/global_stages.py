"""The coarse half of a cell: train, embed, retrieve, each through the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.cell import Cell
from harness.contracts import Backbone, Images
from harness.effort import Effort
from harness.images import Photographs
from harness.keys import Keys, Part
from harness.protocol import Data
from harness.specs import LossSpec
from harness.stages.classify import classify
from harness.stages.embed import embed
from harness.stages.network import build_network
from harness.stages.retrieve import retrieve
from harness.stages.train import Validation, train
from harness.store import FileCheckpoint, Value
from harness.table import ImageTable
from harness.types import Embeddings, Ranking
from harness.workbench import Rows, Workbench

BATCH = 64
FIELDS = ("ids", "vectors", "norms")
"""Of :class:`harness.types.Embeddings`."""


class GlobalStages:
    """Embeddings and global rankings of cells of one data set under one protocol."""

    def __init__(self, bench: Workbench, data: Data, keys: Keys, device: str) -> None:
        self.bench, self.data, self.keys, self.device = bench, data, keys, device
        self.effort = Effort(keys)

    def trained(self, cell: Cell) -> Value | None:
        """Weights of network and head, with the training history; None for a frozen backbone."""
        key = self.keys.train(cell)
        if key is None:
            return None
        return self.bench.fetch(key, lambda checkpoint: self._train(cell, checkpoint), self.effort.train(cell))

    def _train(self, cell: Cell, checkpoint: FileCheckpoint) -> Value:
        loss, spec = _loss(cell)
        rows, asked = self.data.table.having("train"), self.data.table.having("validation")
        names, labels = np.unique(getattr(rows, spec.labels), return_inverse=True)
        _seed(cell.seed)
        result = train(
            backbone=cell.backbone.build(),
            loss=loss,
            sampler=spec.sampler,
            images=photographs(rows),
            labels=labels.astype(np.int64),
            classes=len(names),
            validation=_validation(asked.select(asked.known), rows),
            settings=cell.train,
            seed=cell.seed,
            device=self.device,
            checkpoint=checkpoint,
            progress=self.bench.progress,
        )
        arrays = {f"network/{k}": v for k, v in result.network.items()} | {
            f"head/{k}": v for k, v in result.head.items()
        }
        return Value(arrays, {"history": list(result.history), "classes": names.tolist()})

    def embeddings(self, cell: Cell, table: ImageTable) -> Embeddings:
        """One vector for each row."""
        digests, trained = table.digest.tolist(), self.trained(cell)
        if not digests:  # a set too small for validation
            return Embeddings(table.image_id, np.zeros((0, 1), np.float32), np.zeros(0, np.float32))
        collection = self.bench.fill(
            self.keys.embed(cell), digests, lambda missing: self._embed(cell, trained, missing)
        )
        rows = collection.read(digests)
        return Embeddings(table.image_id, rows["vectors"], rows["norms"])

    def _embed(self, cell: Cell, trained: Value | None, missing: list[str]) -> Rows:
        for part in self._embedded(cell, trained, images_of(self.data.table, missing), missing):
            yield part.ids.tolist(), {"vectors": part.vectors, "norms": part.norms}

    def embedded(self, cell: Cell, images: Images, ids: Sequence[str]) -> Embeddings:
        """One vector for each of one or more ``images``, named by ``ids``, that are no rows of the table; not kept."""
        parts = list(self._embedded(cell, self.trained(cell), images, ids))
        return Embeddings(*(np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS))

    def _embedded(self, cell: Cell, trained: Value | None, images: Images, ids: Sequence[str]) -> Iterator[Embeddings]:
        backbone: Backbone = cell.backbone.build()
        _seed(cell.seed)
        network = build_network(backbone, cell.train.embedding if trained else None)
        if trained:
            _load(network, trained, "network/")
        return embed(network, backbone.preprocess, images, ids, BATCH, self.device, self.bench.progress)

    def ranking(self, cell: Cell, part: Part) -> Ranking:
        """The global ranking of the queries (or validation images) against their gallery."""
        asked, gallery = self.keys.asked[part], self.keys.gallery[part]
        compute = partial(self._retrieve, cell, asked, gallery)
        value = self.bench.fetch(self.keys.retrieve(cell, part), lambda _: compute(), self.effort.retrieve(part))
        self.bench.recall(self.keys.embed(cell), value.info["embed_seconds"])
        return as_ranking(value, asked, gallery)

    def _retrieve(self, cell: Cell, asked: ImageTable, gallery: ImageTable) -> Value:
        queries, answers = self.embeddings(cell, asked), self.embeddings(cell, gallery)
        scopes = self.data.scope(asked), self.data.scope(gallery)
        found = retrieve(queries, answers, self.data.protocol.shortlist, *scopes, device=self.device)
        return from_ranking(found, {"embed_seconds": self.bench.tally.seconds["embed"]})

    def neighbours(self, cell: Cell, part: Part, depth: int) -> Ranking:
        """The ``depth`` nearest gallery images of each gallery image, itself left out."""
        gallery = self.keys.gallery[part]

        def compute() -> Value:
            vectors, scope = self.embeddings(cell, gallery), self.data.scope(gallery)
            return from_ranking(retrieve(vectors, vectors, depth, scope, scope, device=self.device))

        key, units = self.keys.neighbours(cell, part, depth), self.effort.neighbours(part)
        value = self.bench.fetch(key, lambda _: compute(), units)
        return as_ranking(value, gallery, gallery)

    def classified(self, cell: Cell) -> tuple[str, NDArray[np.bool_]] | None:
        """What a plain classifier tells apart, and whether it is right on each query; None for other losses."""
        trained = self.trained(cell)
        if trained is None or not _loss(cell)[1].classifies:
            return None
        loss, spec = _loss(cell)
        names = np.array(trained.info["classes"])
        head = loss.head(cell.train.embedding, len(names))
        _load(head, trained, "head/")
        query = self.keys.asked["query"]
        return spec.labels, names[classify(head, self.embeddings(cell, query))] == getattr(query, spec.labels)


def photographs(table: ImageTable) -> Photographs:
    """The images of a table, by row."""
    return Photographs(table.root, table.path.tolist())


def images_of(table: ImageTable, digests: Sequence[str]) -> Photographs:
    """The images with these contents."""
    paths = dict(zip(table.digest.tolist(), table.path.tolist(), strict=True))
    return Photographs(table.root, [paths[name] for name in digests])


def as_ranking(value: Value, asked: ImageTable, gallery: ImageTable) -> Ranking:
    """A ranking from the store."""
    return Ranking(asked.image_id, gallery.image_id, value.arrays["order"], value.arrays["scores"])


def from_ranking(ranking: Ranking, info: Mapping[str, Any] | None = None) -> Value:
    """A ranking for the store."""
    return Value({"order": ranking.order, "scores": ranking.scores}, info or {})


def _loss(cell: Cell) -> tuple[Any, LossSpec]:
    assert cell.loss is not None
    assert isinstance(cell.loss.spec, LossSpec)
    return cell.loss.build(), cell.loss.spec


def _validation(asked: ImageTable, gallery: ImageTable) -> Validation | None:
    """Known validation images against the train images, with identities as numbers."""
    if not len(asked):
        return None
    number = {name: i for i, name in enumerate(np.unique(gallery.identity).tolist())}
    labels = [np.array([number[name] for name in t.identity.tolist()], np.int64) for t in (asked, gallery)]
    return Validation(photographs(asked), labels[0], photographs(gallery), labels[1])


def _seed(seed: int) -> None:
    """Random initial weights are drawn from torch's global generator."""
    import torch

    torch.manual_seed(seed)


def _load(module: Any, trained: Value, prefix: str) -> None:
    import torch

    state = {k.removeprefix(prefix): torch.from_numpy(v) for k, v in trained.arrays.items() if k.startswith(prefix)}
    module.load_state_dict(state, strict=True)
