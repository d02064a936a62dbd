"""Matchers on warped views of a data set: trained, compared with others, and written as a file with its provenance."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.choice import Choice
from harness.combinations import features_of
from harness.config import Config, deciding, public
from harness.errors import GridError
from harness.fingerprint import code_hash, digest_texts
from harness.global_stages import photographs
from harness.keys import Keys
from harness.masks import column_digest, masks_of
from harness.matcher_training.comparison import Quality, compared
from harness.matcher_training.files import saved
from harness.matcher_training.loop import fitted
from harness.matcher_training.pairing import Pairing
from harness.matcher_training.quality import answers, precision_recall
from harness.matcher_training.settings import FitSettings, ViewSettings
from harness.matcher_training.views import Views, sampled, views_of
from harness.protocol import Data
from harness.provenance import environment, git_state
from harness.refs import Ref, parse
from harness.registry import Registry
from harness.specs import FeaturesSpec, MatcherSpec, Trainable
from harness.store import FileCheckpoint, Key, Value
from harness.table import ImageTable
from harness.workbench import Workbench

if TYPE_CHECKING:
    from torch import Tensor

CODE = ("harness.matcher_training.loop", "harness.matcher_training.views", "harness.images")
CHECKED = 100
"""Held-out photographs, at most, whose views a check draws its pairs from."""
ASIDE = 10
"""Every tenth training photograph is held out where the protocol has no validation images."""


@dataclass(frozen=True)
class Lesson:
    """What is trained, and how."""

    matcher: Choice
    network: Config
    views: ViewSettings
    fit: FitSettings


class MatcherTrainer:
    """Views of the photographs of a data set under a protocol, through the store, and what is done with them.

    Args:
        bench: access to the store.
        data: the data set under its protocol; its queries are never learned from.
        registry: where matchers and features are looked up.
        masks: ``column``, ``none``, or a segmenter; animals are then learned, and what is around them is not.
        device: where networks run.
    """

    def __init__(self, bench: Workbench, data: Data, registry: Registry, masks: str, device: str) -> None:
        self.bench, self.data, self.registry, self.device = bench, data, registry, device
        self.keys = Keys(data, device)
        self.masks = masks
        self._segmenter = None if masks in ("column", "none") else registry.resolve("segmenter", masks)

    def train(self, lesson: Lesson) -> Value:
        """Weights by name, and the history of the training; one that was interrupted goes on.

        Raises:
            GridError: the matcher cannot be trained.
            CellFailed: nothing to learn from, or the loss is not finite.
        """
        plain = weighted(lesson.matcher, "pretrained", self.registry)  # its weights are what is to be trained
        learned, held_out = self._shared_out()
        features = self._features(lesson)
        views = self._views_key(learned, features, lesson.views)
        few = lesson.views.model_copy(update={"photographs": CHECKED, "seed": lesson.views.seed + 1})
        checked = self._views_key(held_out, features, few)
        key = Key(
            "train-matcher",
            {
                "code": [code_hash(name) for name in CODE],
                "numeric": self.keys.numeric,
                "matcher": {**plain.identity(), "network": deciding(lesson.network)},
                "views": [views.digest, checked.digest],
                "fit": deciding(lesson.fit),
            },
        )

        def compute(checkpoint: FileCheckpoint) -> Value:
            tables = self.views(learned, features, lesson.views), self.views(held_out, features, few)
            return self._fitted(lesson, *tables, checkpoint)

        return self.bench.fetch(key, compute, lesson.fit.pairs)

    def _features(self, lesson: Lesson) -> Choice:
        """The features that are learned from; what would fail after hours of drawing views fails now."""
        features = features_of(lesson.matcher, self.registry)
        for choice in (features, self._segmenter):
            reason = choice.unavailable() if choice else None
            if choice and reason:
                raise GridError(f"{choice.label} cannot run: {reason}", "Give it what it needs, or name another.")
        assert isinstance(features.spec, FeaturesSpec)
        trainable(lesson.matcher).network(lesson.matcher.config, lesson.network, features.spec.dim)
        return features

    def _shared_out(self) -> tuple[ImageTable, ImageTable]:
        """Rows to learn from and rows to check with."""
        learned, held_out = self.data.table.having("train"), self.data.table.having("validation")
        if not len(held_out):
            aside = np.arange(len(learned)) % ASIDE == 0
            return learned.select(~aside), learned.select(aside)
        return learned, held_out

    def views(self, rows: ImageTable, features: Choice, settings: ViewSettings) -> Views:
        """Views of some of the rows, described by the features."""
        chosen = sampled(rows, settings)
        key = self._views_key(rows, features, settings)

        def compute() -> Value:
            masks = None if self.masks == "none" else masks_of(chosen, self._segmenter, self.bench, self.keys.segment)
            numbers = np.unique(chosen.identity, return_inverse=True)[1].astype(np.int64)
            config: Any = features.config
            described = features.build()
            self.bench.progress.stage("views")
            drawn = views_of(
                photographs(chosen), masks, numbers, described, config.max_keypoints, settings, self.bench.progress
            )
            return Value(drawn.arrays())

        return Views.of(self.bench.fetch(key, lambda _: compute(), len(chosen) * settings.views).arrays)

    def _views_key(self, rows: ImageTable, features: Choice, settings: ViewSettings) -> Key:
        chosen = sampled(rows, settings)
        masks: str | None = None
        if self._segmenter:
            masks = self.keys.segment(self._segmenter).digest
        elif self.masks == "column":
            masks = column_digest(chosen)
        return Key(
            "views",
            {
                "code": code_hash("harness.matcher_training.views"),
                "rows": digest_texts([chosen.digest.tolist(), chosen.identity.tolist()]),
                "features": features.identity(),
                "masks": masks,
                "settings": deciding(settings),
            },
        )

    def _fitted(self, lesson: Lesson, views: Views, held_out: Views, checkpoint: FileCheckpoint) -> Value:
        import torch

        fit = lesson.fit
        torch.manual_seed(fit.seed)
        dim = views.features.descriptors.shape[2]
        network = trainable(lesson.matcher).network(lesson.matcher.config, lesson.network, dim)
        pairing = Pairing(views, np.unique(views.photograph).tolist())
        asked = Pairing(held_out, np.unique(held_out.photograph).tolist()).drawn(fit.check_pairs, 0.0, (fit.seed, 1))

        def check(tensors: Mapping[str, Tensor]) -> dict[str, float]:
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "weights.safetensors"
                file.write_bytes(saved({name: value.detach().cpu().numpy() for name, value in tensors.items()}, {}))
                matcher = weighted(lesson.matcher, str(file), self.registry).build()
            found = zip(
                ("precision", "recall"), precision_recall(answers(matcher, held_out, asked, fit.pixels)), strict=True
            )
            return {name: round(share, 4) for name, share in found if np.isfinite(share)}  # of no match, there is none

        self.bench.progress.stage("train-matcher")
        result = fitted(network, views, pairing, check, fit, self.device, checkpoint, self.bench.progress)
        return Value(result.weights, {"history": list(result.history), "photographs": len(pairing)})

    def compared(self, matchers: Sequence[Choice], pairs: int, settings: ViewSettings) -> list[Quality]:
        """Matchers on the same pairs of views of query images, each with its own features.

        Raises:
            GridError: a matcher cannot run here.
        """
        for matcher in matchers:
            reason = matcher.unavailable()
            if reason:
                raise GridError(f"{matcher.label} cannot run: {reason}", "Leave it out, or give it what it needs.")
        rows, found, individual = self.data.table.having("query"), [], np.zeros(0, np.int64)
        few = settings.model_copy(update={"photographs": min(settings.photographs, pairs)})
        for matcher in matchers:
            views = self.views(rows, features_of(matcher, self.registry), few)
            asked = Pairing(views, np.unique(views.photograph).tolist(), least=0).drawn(pairs, 0.0, (settings.seed, 2))
            self.bench.progress.stage(matcher.label)
            self.bench.progress.start(len(asked), "pair")
            found.append(answers(matcher.build(), views, asked, FitSettings().pixels, self.bench.progress))
            individual = views.individual[asked[:, 0]]
        return compared([matcher.label for matcher in matchers], found, individual)

    def provenance(self, lesson: Lesson, history: Sequence[Mapping[str, float]]) -> dict[str, Any]:
        """Where a file of weights came from: no path, no host."""
        learned, _ = self._shared_out()
        learned = sampled(learned, lesson.views)
        return {
            "matcher": lesson.matcher.spec.name,
            "features": features_of(lesson.matcher, self.registry).label,
            "network": public(lesson.network),
            "views": public(lesson.views),
            "fit": public(lesson.fit),
            "masks": self.masks,
            "data": {
                "dataset": self.data.dataset,
                "fingerprint": self.data.fingerprint,
                "role": "train",
                "photographs": len(learned),
                "individuals": len(np.unique(learned.identity)),
            },
            "history": list(history),
            "device": self.device,
            "code": {"harness": git_state(), "training": [code_hash(name)[:16] for name in CODE]},
            "environment": environment(),
        }


def trainable(matcher: Choice) -> Trainable:
    """How a matcher is trained.

    Raises:
        GridError: it cannot be.
    """
    assert isinstance(matcher.spec, MatcherSpec)
    if matcher.spec.trainable is None:
        raise GridError(f"matcher {matcher.spec.name!r} cannot be trained", "Name one that can: lightglue.")
    return matcher.spec.trainable


def weighted(matcher: Choice, weights: str, registry: Registry) -> Choice:
    """The matcher with another file of weights."""
    settings = {**matcher.config.model_dump(mode="json", exclude_defaults=True), "weights": weights}
    return registry.resolve("matcher", Ref(parse(matcher.spec.name).name, settings))
