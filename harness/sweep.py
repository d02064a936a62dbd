"""A grid whose backbones are trained for none, few and many epochs: the same recipes on weak and on strong ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cell import NONE
from harness.errors import GridError


def swept(raw: Mapping[str, Any], epochs: Sequence[int]) -> dict[str, Any]:
    """The grid with each loss at each number of epochs; 0 is the frozen backbone (loss ``none``).

    Each block also gets the cells without re-ranking, which every gain is measured against; they run first.

    Args:
        raw: sections as :func:`harness.grid.read` gives them.
        epochs: numbers of epochs, each once.

    Raises:
        GridError: nothing is left, since a grid of frozen backbones alone has no epochs.
    """
    axes = raw.get("axes", {})
    blocks = [part for block in (axes if isinstance(axes, list) else [axes]) for part in _parts(block, epochs)]
    if not blocks:
        raise GridError(
            "the grid trains no backbone, so that there is nothing to sweep",
            "Name a loss in [axes], or sweep --epochs 0.",
        )
    return {**raw, "axes": [part for block in blocks for part in (_coarse(block), block)]}


def _parts(block: Any, epochs: Sequence[int]) -> list[Any]:
    """The block frozen, and trained for each number of epochs; what is no block is left for ``expand`` to refuse."""
    if not isinstance(block, dict) or not isinstance(block.get("train", {}), dict):
        return [block]
    given = block.get("loss", NONE)
    losses = [loss for loss in (given if isinstance(given, list) else [given]) if loss != NONE]
    trained = [number for number in epochs if number]
    parts = [{**block, "loss": NONE}] if 0 in epochs else []
    if losses and trained:
        parts.append({**block, "loss": losses, "train": {**block.get("train", {}), "epochs": trained}})
    return parts


def _coarse(block: Any) -> Any:
    return {**block, "matcher": NONE, "fusion": NONE, "openset": NONE} if isinstance(block, dict) else block
