"""The conformance kit: a contract for every kind of plugin; a test class that names its plugin is a whole test.

::

    from harness.testing import MatcherContract

    class TestMine(MatcherContract):
        plugin = "mine"         # or mine[setting=value]
        files = ("mine.py",)    # only where it is neither in tree nor installed
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.testing.backbone import BackboneContract
    from harness.testing.contract import Contract
    from harness.testing.dataset import DatasetContract
    from harness.testing.features import FeaturesContract
    from harness.testing.fusion import FusionContract
    from harness.testing.loss import LossContract
    from harness.testing.matcher import MatcherContract
    from harness.testing.openset import OpenSetContract
    from harness.testing.segmenter import SegmenterContract

    CONTRACTS: dict[str, type[Contract]]
    """Kind -> contract."""

__all__ = [
    "CONTRACTS",
    "BackboneContract",
    "DatasetContract",
    "FeaturesContract",
    "FusionContract",
    "LossContract",
    "MatcherContract",
    "OpenSetContract",
    "SegmenterContract",
]

MODULES = ("contract", "dataset", "backbone", "loss", "segmenter", "features", "matcher", "fusion", "openset")


def __getattr__(name: str) -> Any:
    """The contracts, imported when the first is asked for: they need pytest, and the rest of the kit does not."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals().update(_contracts())
    return globals()[name]


def _contracts() -> dict[str, Any]:
    from importlib import import_module, util

    if util.find_spec("pytest") is None:
        raise HarnessError("the conformance kit needs pytest", "pip install 'reid-harness[testing]'")
    import pytest

    pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in MODULES))
    modules = [import_module(f"{__name__}.{module}") for module in MODULES]
    contracts = [vars(module)[name] for module in modules for name in __all__ if name in vars(module)]
    named = {contract.__name__: contract for contract in contracts}
    return {**named, "CONTRACTS": {contract.kind: contract for contract in contracts}}
