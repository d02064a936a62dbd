"""The open-set rule ``always-new``: every query is new."""

from __future__ import annotations

from collections.abc import Iterator

from harness import OpenSetSpec, hookimpl

from ._constant import Constant


@hookimpl
def harness_openset_rules() -> Iterator[OpenSetSpec]:
    """A row to compare with."""
    yield OpenSetSpec(
        name="always-new",
        fitted_on=frozenset(),
        version="1",
        build=lambda config: Constant(known=False),
        summary="every query is new (BAUS 1, BAKS 0): a row to compare with",
        licence="Apache-2.0",
    )
