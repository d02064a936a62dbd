"""The open-set rule ``never-new``: every query is known, as if there were no new animals."""

from __future__ import annotations

from collections.abc import Iterator

from harness import OpenSetSpec, hookimpl

from ._constant import Constant


@hookimpl
def harness_openset_rules() -> Iterator[OpenSetSpec]:
    """A row to compare with."""
    yield OpenSetSpec(
        name="never-new",
        fitted_on=frozenset(),
        version="1",
        build=lambda config: Constant(known=True),
        summary="every query is known (BAUS 0): a row to compare with",
        licence="Apache-2.0",
    )
