"""Every hook of the harness: READ THIS FIRST when writing a plugin.

A plugin is a module with one or more functions marked ``@hookimpl`` that **yield frozen specs**::

    from harness import Config, MatcherSpec, hookimpl

    def build(config):
        from mypackage import MyMatcher   # heavy imports live here
        return MyMatcher(config)

    @hookimpl
    def harness_matchers():
        yield MatcherSpec(name="mine", version="1", config=MyConfig, build=build, summary="...")

Nothing else is needed: one file below ``plugins/<kind>/``, a package with an entry point of group ``harness``, or a
file named with ``--plugin``. A hook may leave out arguments that it does not use, so later ones break nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pluggy

from harness.specs import (
    BackboneSpec,
    DatasetSpec,
    FeaturesSpec,
    FusionSpec,
    LossSpec,
    MatcherSpec,
    OpenSetSpec,
    SegmenterSpec,
)

PROJECT = "harness"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def harness_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Yield the data sets that this plugin offers."""


@hookspec
def harness_backbones() -> Iterable[BackboneSpec]:  # type: ignore[empty-body]
    """Yield the backbones that this plugin offers."""


@hookspec
def harness_losses() -> Iterable[LossSpec]:  # type: ignore[empty-body]
    """Yield the training objectives that this plugin offers."""


@hookspec
def harness_segmenters() -> Iterable[SegmenterSpec]:  # type: ignore[empty-body]
    """Yield the segmenters that this plugin offers."""


@hookspec
def harness_features() -> Iterable[FeaturesSpec]:  # type: ignore[empty-body]
    """Yield the local-feature extractors that this plugin offers."""


@hookspec
def harness_matchers() -> Iterable[MatcherSpec]:  # type: ignore[empty-body]
    """Yield the local matchers that this plugin offers."""


@hookspec
def harness_fusions() -> Iterable[FusionSpec]:  # type: ignore[empty-body]
    """Yield the re-ranking rules that this plugin offers."""


@hookspec
def harness_openset_rules() -> Iterable[OpenSetSpec]:  # type: ignore[empty-body]
    """Yield the known-or-new rules that this plugin offers."""


@hookspec
def harness_stage_finished(stage: str, key: str, seconds: float, cached: bool) -> None:
    """A stage has ended: its name, its key in the store, what it cost when computed, and whether it was found there."""


@hookspec
def harness_cell_finished(record: Mapping[str, Any]) -> None:
    """A cell has ended, whatever its status; ``record`` is its row as written to the results (do not change it)."""
