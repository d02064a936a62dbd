"""Which plugins make a cell together: features of a matcher, a fusion with something to look at, what cannot run."""

from __future__ import annotations

from typing import Any

from harness.cell import Cell
from harness.choice import Choice
from harness.refs import Ref, parse
from harness.registry import Registry
from harness.specs import FeaturesSpec, FusionSpec, MatcherSpec, OpenSetSpec


def _looks_at_matches(fusion: Choice) -> bool:
    assert isinstance(fusion.spec, FusionSpec)
    return fusion.spec.needs_matches(fusion.config)


def standing(fusion: Choice | None, matcher: Choice | None) -> Choice | None:
    """The fusion of a cell: none where there is nothing for it to look at."""
    return None if fusion and not matcher and _looks_at_matches(fusion) else fusion


def features_of(matcher: Choice, registry: Registry) -> Choice:
    """The features that a matcher asks for; its ``max_keypoints`` is theirs unless they set their own."""
    config: Any = matcher.config
    ref = parse(config.features)
    limit = getattr(config, "max_keypoints", None)
    settings = {**({"max_keypoints": limit} if limit else {}), **ref.settings}
    return registry.resolve("features", Ref(ref.name, settings))


def impossible(cell: Cell) -> str:
    """Why a cell cannot run, or an empty string: combinations first, then what this machine lacks."""
    if cell.matcher and cell.features:
        assert isinstance(cell.matcher.spec, MatcherSpec)
        assert isinstance(cell.features.spec, FeaturesSpec)
        accepted = cell.matcher.spec.accepts
        if accepted and cell.features.spec.name not in accepted:
            only = ", ".join(sorted(accepted))
            return f"{cell.matcher.spec.name} does not match {cell.features.spec.name} features (only {only})"
        if not cell.fusion:
            return "a matcher without a fusion changes nothing: name a fusion such as replace"
        if not _looks_at_matches(cell.fusion):
            return f"{cell.fusion.spec.name} does not look at matches: it stands in cells without a matcher"
    if cell.openset and not cell.matcher:
        assert isinstance(cell.openset.spec, OpenSetSpec)
        if cell.openset.spec.needs_matches(cell.openset.config):
            return f"{cell.openset.label} looks at matches, and the cell has no matcher"
    if cell.openset and not cell.fusion:
        assert isinstance(cell.openset.spec, OpenSetSpec)
        if cell.openset.spec.needs_fusion(cell.openset.config):
            return f"{cell.openset.label} looks at what a fusion gave, and the cell has no fusion"
    for choice in (cell.backbone, cell.loss, cell.matcher, cell.features, cell.segmenter, cell.fusion, cell.openset):
        reason = choice.unavailable() if choice else None
        if choice and reason:
            return f"{choice.spec.kind} {choice.spec.name}: {reason}"
    return ""
