"""The fusion ``sum``: standardised cosine plus standardised logarithm of the local score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import CellFailed, Config, FusionSpec, Shortlist, hookimpl

from ._scores import Floats, Local, Standard, fitted, sources, standard


class SumConfig(Config):
    """Which local score is added to the cosine, and how much it weighs."""

    local: Local = Field("count", description="local score that is added; normalised: count / keypoints of the pair")
    weight: float = Field(0.5, ge=0, le=1, description="weight of the local part; the global part has the rest")


@dataclass(frozen=True)
class Sum:
    """A weighted sum of z-scores (Jain, Nandakumar and Ross, Pattern Recognition 2005), in standard deviations.

    Mean and deviation are those of all validation pairs; their truth is not looked at. A source that does not vary
    there is ignored. ``scales`` is None before :meth:`fit`.
    """

    local: Local
    weight: float
    scales: tuple[Standard, Standard] | None = None

    def fit(self, shortlist: Shortlist, truth: NDArray[np.bool_]) -> Self:
        """Mean and deviation of cosine and log(1 + local score) over the validation pairs.

        Raises:
            CellFailed: there is no validation pair, or the cell has no matcher.
        """
        valid = shortlist.ranking.order >= 0
        if not valid.any():
            raise CellFailed(
                "scores cannot be standardised: validation has 0 pairs",
                "Raise protocol.validation_images or protocol.shortlist.",
            )
        cosine, local = sources(shortlist, self.local)
        return replace(self, scales=(standard(cosine[valid]), standard(local[valid])))

    def rank(self, shortlist: Shortlist) -> Floats:
        """(1 - weight) z(cosine) + weight z(log(1 + local score)), float64 [q, k].

        Raises:
            CellFailed: it has not been fitted, or the cell has no matcher.
        """
        of_cosine, of_local = fitted(self.scales)
        cosine, local = sources(shortlist, self.local)
        return np.asarray((1 - self.weight) * of_cosine(cosine) + self.weight * of_local(local), dtype=np.float64)


@hookimpl
def harness_fusions() -> Iterator[FusionSpec]:
    """Offer ``sum``."""
    yield FusionSpec(
        name="sum",
        version="1",
        config=SumConfig,
        build=lambda config: Sum(config.local, config.weight),
        summary="weighted sum of standardised cosine and standardised log of the local score",
        licence="Apache-2.0",
        citation="Jain, Nandakumar & Ross, Score normalization in multimodal biometric systems, 2005",
    )
