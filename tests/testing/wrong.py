"""A plugin that is wrong on purpose: what is made wrong, and the tests that must catch it."""

from __future__ import annotations

from typing import NamedTuple

ALL: frozenset[str] = frozenset({"all others"})
"""Where so much is wrong that any other test may fail as well."""


class Wrong(NamedTuple):
    """A right plugin with one thing made wrong: ``old`` becomes ``new``, the tests ``caught`` fail and no others.

    ``too``: what may fail as well, since nothing can be tested where that is wrong."""

    old: str
    new: str
    caught: set[str]
    too: frozenset[str] = frozenset()
