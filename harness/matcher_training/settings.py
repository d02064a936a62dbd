"""How views are drawn, and how a matcher is fitted to them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harness.config import Config


class ViewSettings(Config):
    """How warped views of photographs are drawn."""

    photographs: int = Field(2000, ge=1, description="photographs that views are drawn of, at most; drawn at random")
    views: int = Field(6, ge=2, description="views of each photograph; any two of them are a pair")
    size: int = Field(400, ge=32, description="longest side in pixels that a photograph is scaled down to, never up")
    rotation: float = Field(30.0, ge=0, le=180, description="largest rotation in degrees")
    scale: float = Field(1.4, ge=1, le=4, description="largest enlargement, and reduction")
    perspective: float = Field(0.3, ge=0, le=0.9, description="how far the scale may change across a view")
    bend: float = Field(0.03, ge=0, le=0.2, description="deviation of the thin-plate bend, as a share of the long side")
    light: float = Field(1.0, ge=0, le=2, description="strength of the changes of light, blur and noise; 0 for none")
    backgrounds: float = Field(0.7, ge=0, le=1, description="share of views with another background, where masks are")
    seed: int = Field(0, ge=0, description="seed of all views")


class FitSettings(Config):
    """How a matcher is fitted."""

    pairs: int = Field(20_000, ge=1, description="pairs of views to learn from")
    batch_size: int = Field(16, ge=1, description="pairs a step")
    lr: float = Field(5e-4, gt=0, description="highest learning rate (AdamW), reached after the warm-up")
    warmup: float = Field(0.05, ge=0, le=0.9, description="share of the steps in which the learning rate rises")
    weight_decay: float = Field(1e-3, ge=0, description="decoupled weight decay (AdamW)")
    negatives: float = Field(0.2, ge=0, lt=1, description="share of pairs of two individuals, where nothing matches")
    pixels: float = Field(3.0, gt=0, description="largest distance of two places that are one, in pixels of a view")
    apart: float = Field(5.0, gt=0, description="distance from which on two places are two; between, nothing is said")
    checks: int = Field(10, ge=1, description="how often precision and recall on held-out photographs are taken")
    check_pairs: int = Field(200, ge=1, description="pairs of each check")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of the layers; auto: bfloat16 on a card that has it, else float32"
    )
    seed: int = Field(0, ge=0, description="seed of weights and pairs")

    @model_validator(mode="after")
    def _check(self) -> FitSettings:
        if self.apart < self.pixels:
            raise ValueError(f"apart ({self.apart:g}) must be at least pixels ({self.pixels:g})")
        return self
