"""What a spec must be, whoever declared it: every field of its type, and a name that grids can write."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any

from harness.config import Config
from harness.refs import NAME, RESERVED
from harness.specs import API, KINDS, Spec, Trainable


def _texts(value: Any, container: type[tuple[Any, ...]] | type[frozenset[Any]]) -> bool:
    return isinstance(value, container) and all(isinstance(text, str) for text in value)


Wanted = tuple[tuple[str, ...], Callable[[Any], bool], str]
TYPES: tuple[Wanted, ...] = (
    (("name", "version", "summary", "licence", "citation"), lambda value: isinstance(value, str), "text"),
    (("config",), lambda value: isinstance(value, type) and issubclass(value, Config), "a subclass of harness.Config"),
    (
        ("build", "unavailable", "symmetric", "needs_matches", "needs_fusion", "neighbours"),
        callable,
        "a function of the config",
    ),
    (("requires",), lambda value: _texts(value, tuple), "a tuple of texts, such as ('kornia',)"),
    (("accepts", "fitted_on"), lambda value: _texts(value, frozenset), "a frozenset of texts"),
    (("generated", "classifies"), lambda value: isinstance(value, bool), "true or false"),
    (("api", "dim"), lambda value: isinstance(value, int), "a whole number"),
    (("trainable",), lambda value: value is None or isinstance(value, Trainable), "a Trainable, or None"),
    (("labels",), lambda value: value in ("identity", "species"), "'identity' or 'species'"),
    (("sampler",), lambda value: value in ("random", "per-class"), "'random' or 'per-class'"),
)
"""Fields of specs, what holds of them, and how that is said."""


def checked(spec: Any, kind: str, hook: str) -> Spec:
    """The spec that a hook yielded, if it is one of that kind with every field as it must be.

    Raises:
        TypeError: no spec of that kind, or a field of a wrong type.
        ValueError: a name that cannot be, or a newer interface.
    """
    wanted = KINDS[kind]
    if not isinstance(spec, wanted):
        raise TypeError(f"{hook} must yield {wanted.__name__}, not {type(spec).__name__}")
    for names, fits, words in TYPES:
        for name in names:
            value = getattr(spec, name, None)
            if hasattr(spec, name) and not fits(value):
                raise TypeError(f"plugin {spec.name!r}: {name} must be {words}, not {reprlib.repr(value)}")
    if not NAME.fullmatch(spec.name):
        form = "lower case letters, digits, '-', '_' or '.', with a letter or digit at both ends and no '..'"
        raise ValueError(f"plugin name {spec.name!r} must be {form}")
    if spec.name in RESERVED:
        raise ValueError(f"plugin name {spec.name!r} means something else in a grid: choose another")
    if spec.api > API:
        raise ValueError(
            f"plugin {spec.name!r} is written for interface {spec.api}, this harness has {API}: upgrade it"
        )
    return spec
