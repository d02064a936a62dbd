"""Specs: what a plugin declares about itself. Light to make; ``build`` is where heavy packages are imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from harness.config import Config
from harness.contracts import Backbone, Dataset, Features, Fusion, Loss, Matcher, OpenSetRule, Segmenter

if TYPE_CHECKING:
    from torch import nn

API = 1
"""The version of this interface. It grows by new fields with defaults; an older plugin keeps working."""


def nothing_missing(config: Any) -> str | None:
    """The default of ``Spec.unavailable``: the plugin can always run."""
    return None


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What every plugin declares.

    Attributes:
        name: how a grid calls it; lower case, unique within its kind.
        version: the plugin's own version; raise it when results change for a reason that its code does not show.
        config: its settings, a subclass of :class:`harness.Config`.
        build: ``build(config)`` makes the plugin; import torch and the like in there, never at the top of the file.
        summary: one line for ``harness plugins list``.
        licence: of the code **and** of the weights that it loads, where they differ both.
        citation: paper or address.
        requires: packages to import, as ``import_name`` or ``import_name=pip-name``.
        unavailable: ``unavailable(config)`` gives the reason why this plugin cannot run here now (weights that are
            neither on disk nor reachable), or None. The cell is then skipped with that reason.
        api: version of the interface that the plugin was written for.
    """

    kind: ClassVar[str] = ""
    name: str
    version: str
    build: Callable[[Any], Any]
    config: type[Config] = Config
    summary: str = ""
    licence: str = ""
    citation: str = ""
    requires: tuple[str, ...] = ()
    unavailable: Callable[[Any], str | None] = nothing_missing
    api: int = API


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A data set. ``generated``: ``prepare`` needs no network and is called when the files are missing.
    ``build(config, folder)`` gets the folder that ``prepare`` fills; sets with their own ``root`` setting ignore it."""

    kind: ClassVar[str] = "dataset"
    build: Callable[..., Dataset]
    generated: bool = False


@dataclass(frozen=True, kw_only=True)
class BackboneSpec(Spec):
    """A backbone."""

    kind: ClassVar[str] = "backbone"
    build: Callable[[Any], Backbone]


@dataclass(frozen=True, kw_only=True)
class LossSpec(Spec):
    """A training objective. ``labels``: what it is trained to tell apart. ``classifies``: its head has ``logits``.
    ``sampler``: ``random`` batches, or ``per-class`` batches with several images of each individual."""

    kind: ClassVar[str] = "loss"
    build: Callable[[Any], Loss]
    labels: Literal["identity", "species"] = "identity"
    classifies: bool = False
    sampler: Literal["random", "per-class"] = "random"


@dataclass(frozen=True, kw_only=True)
class FeaturesSpec(Spec):
    """A local-feature extractor. ``dim`` is the length of a descriptor. Its config has ``max_keypoints``; where it is a
    :class:`harness.FeaturesConfig`, the harness masks what is around the animal."""

    kind: ClassVar[str] = "features"
    build: Callable[[Any], Features]
    dim: int = 128


@dataclass(frozen=True, kw_only=True)
class SegmenterSpec(Spec):
    """A segmenter. It is no axis of a grid: features name one in their setting ``segmenter``."""

    kind: ClassVar[str] = "segmenter"
    build: Callable[[Any], Segmenter]


@dataclass(frozen=True, kw_only=True)
class Trainable:
    """How a matcher is trained (``harness train-matcher``).

    Attributes:
        settings: of the network, such as its layers.
        network: ``network(config, settings, dim)`` makes a module from the matcher's config, those settings and the
            length of a descriptor. It is called with ``(left, right, partners)`` and gives the loss of b pairs:
            ``left`` and ``right`` hold keypoints [b, K, 2], descriptors [b, K, dim], scales, orientations and scores
            [b, K], count [b] and size [b, 2] as :class:`harness.PackedFeatures` has them; ``partners`` are int64 [b, K]
            of either side, the index of the true match, -1 for none, -2 to say nothing. The matcher with its state as a
            file, in the setting ``weights``, is what was trained.
    """

    settings: type[Config]
    network: Callable[[Any, Any, int], nn.Module]


@dataclass(frozen=True, kw_only=True)
class MatcherSpec(Spec):
    """A local matcher. ``accepts``: names of the features that it can match, empty for any. ``symmetric(config)``:
    whether (a, b) and (b, a) give the same count, confidence and inliers but for rounding; each two images are then
    matched once. Its config has ``features`` (a reference such as ``sift``) and ``max_keypoints``. ``trainable``: how
    it is trained, if it can be."""

    kind: ClassVar[str] = "matcher"
    build: Callable[[Any], Matcher]
    accepts: frozenset[str] = frozenset()
    symmetric: Callable[[Any], bool] = lambda config: False
    trainable: Trainable | None = None


@dataclass(frozen=True, kw_only=True)
class FusionSpec(Spec):
    """A rule that orders the shortlist. ``needs_matches(config)``: whether it looks at what a matcher found; one that
    does not stands in cells without a matcher. ``neighbours(config)``: how many gallery neighbours of each gallery
    image it wants to see, 0 for none."""

    kind: ClassVar[str] = "fusion"
    build: Callable[[Any], Fusion]
    needs_matches: Callable[[Any], bool] = lambda config: True
    neighbours: Callable[[Any], int] = lambda config: 0


@dataclass(frozen=True, kw_only=True)
class OpenSetSpec(Spec):
    """A known-or-new rule. ``needs_matches(config)``: whether it looks at match counts, so that it needs a matcher;
    ``needs_fusion(config)``: whether it looks at what the fusion gave. ``fitted_on``: the kinds of validation queries
    without which it cannot be fitted, of ``known`` and ``new``."""

    kind: ClassVar[str] = "openset"
    build: Callable[[Any], OpenSetRule]
    needs_matches: Callable[[Any], bool] = lambda config: False
    needs_fusion: Callable[[Any], bool] = lambda config: False
    fitted_on: frozenset[str] = frozenset({"known", "new"})


KINDS: dict[str, type[Spec]] = {
    spec.kind: spec
    for spec in (DatasetSpec, BackboneSpec, LossSpec, SegmenterSpec, FeaturesSpec, MatcherSpec, FusionSpec, OpenSetSpec)
}
"""Kind -> spec class, in the order in which a cell uses them."""
