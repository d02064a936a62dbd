"""The key of every stage of a cell, and the kind of its work, computed without running anything."""

from __future__ import annotations

from functools import cached_property
from importlib.metadata import version
from typing import Any, Literal

from harness.cell import Cell
from harness.choice import Choice
from harness.config import deciding, masked, public
from harness.fingerprint import code_hash, digest, digest_texts
from harness.masks import column_digest
from harness.protocol import Data
from harness.specs import LossSpec
from harness.store import Key
from harness.table import ImageTable

Part = Literal["query", "validation"]
PARTS: tuple[Part, Part] = ("query", "validation")
NO_MATTER_TO_A_PAIR = ("features", "cascade")
"""Settings of a matcher that do not change what it finds on a pair; the features have a key of their own."""

SCORE = (
    "harness.scoring",
    "harness.views",
    "harness.metrics.ranking",
    "harness.metrics.openset",
    "harness.metrics.intervals",
    "harness.audit.leaks",
    "harness.audit.photographs",
)

CODE = {
    "train": ("harness.stages.train", "harness.images"),
    "embed": ("harness.stages.embed", "harness.stages.network", "harness.images"),
    "segment": ("harness.stages.segment", "harness.images"),
    "describe": ("harness.stages.describe", "harness.images"),
    "masked": ("harness.stages.masking", "harness.masks"),
    "decide": ("harness.stages.decide", "harness.stages.probability"),
}
"""Modules whose code decides a stage's result, where it is more than the stage's own file (and what that imports)."""


class Keys:
    """Keys of one data set under one protocol on one device kind."""

    def __init__(self, data: Data, device: str) -> None:
        self.data = data
        self.numeric = {"dtype": "float32", "device": device, "torch": ".".join(version("torch").split(".")[:2])}
        table = data.table
        self.asked = {"query": table.having("query"), "validation": table.having("validation")}
        self.gallery = {"query": table.having("train", "validation", "gallery"), "validation": table.having("train")}
        self._rows = {part: [self._digest(self.asked[part]), self._digest(self.gallery[part])] for part in PARTS}
        self._train_rows = self._digest(table.having("train", "validation"))
        self._on = f" on {data.dataset}" + (f", {device}" if device != "cpu" else "")

    def _digest(self, table: ImageTable) -> str:
        scope = self.data.scope(table).tolist()
        columns = (table.image_id, table.digest, table.identity, table.species, table.role)
        return digest_texts([*(column.tolist() for column in columns), scope])

    def train(self, cell: Cell) -> Key | None:
        """None for a frozen backbone."""
        if cell.loss is None:
            return None
        assert isinstance(cell.loss.spec, LossSpec)
        several = f", {cell.train.devices} devices" if cell.train.devices > 1 else ""
        return self._key(
            "train",
            f"{cell.label('backbone')} + {cell.label('loss')}, {cell.train.batch_size} a step{self._on}{several}",
            backbone=cell.backbone.identity(),
            loss={**cell.loss.identity(), "labels": cell.loss.spec.labels, "sampler": cell.loss.spec.sampler},
            settings=deciding(cell.train),
            rows=self._train_rows,
            seed=cell.seed,
        )

    def embed(self, cell: Cell) -> Key:
        """A collection of one vector an image, by the digest of its file."""
        train, kind = self.train(cell), cell.label("backbone") + self._on
        if train:
            return self._key("embed", kind, network=train.digest)
        settings = deciding(cell.backbone.config)
        seed = cell.seed if settings.get("weights") == "random" else None
        return self._key("embed", kind, network=cell.backbone.identity(), seed=seed)

    def retrieve(self, cell: Cell, part: Part) -> Key:
        """The global ranking of the queries, or of the validation images."""
        rows, size = self._rows[part], self.data.protocol.shortlist
        return self._key("retrieve", embed=self.embed(cell).digest, part=part, rows=rows, shortlist=size)

    def neighbours(self, cell: Cell, part: Part, depth: int) -> Key:
        """The gallery asked against itself: ``depth`` neighbours of each gallery image."""
        rows = self._rows[part][1]
        return self._key("retrieve", embed=self.embed(cell).digest, part=f"{part} gallery", rows=rows, shortlist=depth)

    def segment(self, segmenter: Choice) -> Key:
        """A collection of guessed masks by the digest of the image file."""
        return self._key("segment", segmenter.label + self._on, segmenter=segmenter.identity())

    def describe(self, features: Choice) -> Key:
        """A collection of local features by the digest of the image file.

        Raises:
            DataError: features are masked by the data set's own masks, and one of these cannot be read.
        """
        masks: dict[str, Any] = {}
        if masked(features.config):
            segmented = self.segment(features.segmenter).digest if features.segmenter else self._column
            masks = {"masks": segmented, "masking": [code_hash(name) for name in CODE["masked"]]}
        return self._key("describe", features.label + self._on, features=features.identity(), **masks)

    @cached_property
    def _column(self) -> str:
        """Of the data set's own masks, which are read for it."""
        return column_digest(self.data.table)

    def match(self, cell: Cell) -> Key | None:
        """A collection of pair scores by the two digests; None without a matcher."""
        if cell.matcher is None or cell.features is None:
            return None
        matcher = cell.matcher.identity()
        matcher["settings"] = {k: v for k, v in matcher["settings"].items() if k not in NO_MATTER_TO_A_PAIR}
        kind = cell.uncut.label("matcher") + self._on
        return self._key("match", kind, matcher=matcher, features=self.describe(cell.features).digest)

    def cascade(self, cell: Cell) -> Key | None:
        """Which candidates are matched; None where all of them are."""
        if cell.fusion is None or not cell.cascade:
            return None
        return self._key("cascade", cell.fusion.spec.name, risk=cell.cascade, **self._fusing(cell))

    def fuse(self, cell: Cell, part: Part) -> Key | None:
        """The final ranking; None without a fusion, where the global ranking is final."""
        if cell.fusion is None:
            return None
        cascade, inputs = self.cascade(cell), self._fusing(cell)
        if cascade:
            inputs["cascade"] = cascade.digest
        return self._key("fuse", cell.fusion.spec.name, part=part, **inputs)

    def _fusing(self, cell: Cell) -> dict[str, Any]:
        """The fusion and everything that it looks at."""
        assert cell.fusion is not None
        match, depth = self.match(cell), cell.neighbours
        rankings = [self.retrieve(cell, p).digest for p in PARTS]
        inputs = {"fusion": cell.fusion.identity(), "rankings": rankings, "match": match.digest if match else None}
        if depth:
            inputs["neighbours"] = [self.neighbours(cell, p, depth).digest for p in PARTS]
        return inputs

    def final(self, cell: Cell) -> list[str]:
        """Digests of the final rankings of queries and validation images."""
        return [(self.fuse(cell, part) or self.retrieve(cell, part)).digest for part in PARTS]

    def decide(self, cell: Cell) -> Key | None:
        """Known or new; None without a rule."""
        if cell.openset is None:
            return None
        rule, kind = cell.openset.identity(), cell.openset.spec.name
        return self._key("decide", kind, rule=rule, rankings=self.final(cell), data=self.data.fingerprint)

    def score(self, cell: Cell) -> Key:
        """The metrics of the cell."""
        decide, train = self.decide(cell), self.train(cell)
        return Key(
            "score",
            {
                "code": [code_hash(name) for name in SCORE],
                "protocol": self.data.protocol_hash,
                "rankings": self.final(cell),
                "decide": decide.digest if decide else None,
                "train": train.digest if train else None,
            },
            " + ".join(cell.label(axis).partition("[")[0] for axis in ("matcher", "fusion", "openset")),
        )

    def _key(self, stage: str, kind: str = "", **parts: Any) -> Key:
        code = [code_hash(name) for name in CODE.get(stage, (f"harness.stages.{stage}",))]
        return Key(stage, {"code": code, "numeric": self.numeric, **parts}, kind)


def plugins(cell: Cell) -> dict[str, Any]:
    """Axis -> name, version, code hash and digest of the settings, for the record."""
    axes = ("backbone", "loss", "matcher", "features", "segmenter", "fusion", "openset")
    chosen = {axis: getattr(cell, axis) for axis in axes}
    return {
        axis: {
            "name": c.spec.name,
            "version": c.spec.version,
            "code": c.code[:16],
            "settings": digest(public(c.config))[:16],  # a skipped cell may name a file that is not there
        }
        for axis, c in chosen.items()
        if c
    }
