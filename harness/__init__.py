"""What a plugin author imports. Light: no torch, no pandas."""

from harness.answers import QueryScores, QueryTruth, Shortlist
from harness.config import Config, FeaturesConfig, MatcherConfig, artefact, knob, location
from harness.contracts import (
    Backbone,
    BlockMatcher,
    Checkpoint,
    Dataset,
    Features,
    Fusion,
    Images,
    Loss,
    Matcher,
    OpenSetRule,
    Progress,
    Segmenter,
)
from harness.errors import CellFailed, DataError, HarnessError
from harness.hookspecs import hookimpl
from harness.packed import PackedFeatures, PairSummary
from harness.specs import (
    BackboneSpec,
    DatasetSpec,
    FeaturesSpec,
    FusionSpec,
    LossSpec,
    MatcherSpec,
    OpenSetSpec,
    SegmenterSpec,
    Trainable,
)
from harness.table import ImageTable
from harness.types import NEW, LocalFeatures, PairMatches, PairScores, Preprocess, Ranking

__version__ = "0.1.0"

__all__ = [
    "NEW",
    "Backbone",
    "BackboneSpec",
    "BlockMatcher",
    "CellFailed",
    "Checkpoint",
    "Config",
    "DataError",
    "Dataset",
    "DatasetSpec",
    "Features",
    "FeaturesConfig",
    "FeaturesSpec",
    "Fusion",
    "FusionSpec",
    "HarnessError",
    "ImageTable",
    "Images",
    "LocalFeatures",
    "Loss",
    "LossSpec",
    "Matcher",
    "MatcherConfig",
    "MatcherSpec",
    "OpenSetRule",
    "OpenSetSpec",
    "PackedFeatures",
    "PairMatches",
    "PairScores",
    "PairSummary",
    "Preprocess",
    "Progress",
    "QueryScores",
    "QueryTruth",
    "Ranking",
    "Segmenter",
    "SegmenterSpec",
    "Shortlist",
    "Trainable",
    "artefact",
    "hookimpl",
    "knob",
    "location",
]
