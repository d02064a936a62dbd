"""What a spec must be: every field of its type, and a name that grids can write."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from harness.declared import TYPES, checked
from harness.specs import API, KINDS, Spec


def spec(kind: str, **given: Any) -> Spec:
    return KINDS[kind](**{"name": "one", "version": "1", "build": print, **given})


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_every_spec_is_looked_at_and_its_default_fits(kind: str) -> None:
    assert {field.name for field in fields(KINDS[kind])} <= {name for names, _, _ in TYPES for name in names}
    assert checked(spec(kind), kind, "hook") == spec(kind)


@pytest.mark.parametrize(
    ("kind", "field", "value", "told"),
    [
        ("matcher", "name", 1, "name must be text, not 1"),
        ("matcher", "version", 1, "plugin 'one': version must be text, not 1"),
        ("matcher", "summary", ("a",), "summary must be text"),
        ("matcher", "licence", None, "licence must be text"),
        ("matcher", "citation", 2004, "citation must be text"),
        ("matcher", "config", dict, "config must be a subclass of harness.Config"),
        ("matcher", "build", None, "build must be a function"),
        ("matcher", "unavailable", "no", "unavailable must be a function"),
        ("matcher", "symmetric", True, "symmetric must be a function of the config, not True"),
        ("matcher", "accepts", {"sift"}, "accepts must be a frozenset of texts"),
        ("matcher", "accepts", frozenset({1}), "accepts must be a frozenset of texts"),
        ("matcher", "requires", "cv2", "requires must be a tuple of texts"),
        ("matcher", "requires", ("cv2", 1), "requires must be a tuple of texts"),
        ("matcher", "trainable", True, "trainable must be a Trainable"),
        ("matcher", "api", "1", "api must be a whole number"),
        ("features", "dim", "128", "dim must be a whole number"),
        ("dataset", "generated", "yes", "generated must be true or false"),
        ("loss", "labels", "age", "labels must be 'identity' or 'species', not 'age'"),
        ("loss", "sampler", "all", "sampler must be 'random' or 'per-class'"),
        ("fusion", "needs_matches", True, "needs_matches must be a function"),
        ("fusion", "neighbours", 3, "neighbours must be a function"),
        ("openset", "needs_fusion", False, "needs_fusion must be a function"),
        ("openset", "fitted_on", ("known",), "fitted_on must be a frozenset"),
    ],
)
def test_a_field_of_a_wrong_type_is_refused_by_its_name(kind: str, field: str, value: Any, told: str) -> None:
    with pytest.raises(TypeError) as caught:
        checked(spec(kind, **{field: value}), kind, "hook")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "none"}, "'none' means something else in a grid"),
        ({"name": "mine."}, "a letter or digit at both ends"),
        ({"name": "a..b"}, "no '..'"),
        ({"name": "One"}, "must be lower case"),
        ({"api": API + 1}, "upgrade it"),
    ],
)
def test_a_name_that_cannot_be_and_a_newer_interface_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match="plugin") as caught:
        checked(spec("loss", **given), "loss", "hook")
    assert told in str(caught.value)


def test_a_spec_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="harness_losses must yield LossSpec, not MatcherSpec"):
        checked(spec("matcher"), "loss", "harness_losses")
