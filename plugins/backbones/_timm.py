"""Backbones made by timm: the model without its classifier, and the preprocessing that it was trained with."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from harness import Config, Preprocess, artefact
from harness.errors import CellFailed, GridError
from harness.weights import load_into, load_tensors, unavailable_hf, unavailable_url

if TYPE_CHECKING:
    from torch import nn

HUB = "hf-hub:"
HEADS = ("classifier.", "fc.", "head.", "last_linear.", "head_dist.")
"""Beginnings of the names that timm's models give their classifiers."""
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")


class TimmSettings(Config):
    """Settings that every timm backbone has."""

    weights: str = artefact("pretrained", "pretrained, random, or a file (.safetensors, or .pth with tensors only)")
    size: int | None = Field(
        None, ge=32, description="side of the square input in pixels; the model's own if not given"
    )

    @field_validator("weights")
    @classmethod
    def _known_word(cls, value: str) -> str:
        if value in ("", "none"):
            raise ValueError("weights are pretrained, random, or a file")
        return value


@dataclass(frozen=True)
class TimmBackbone:
    """A timm model by name or ``hf-hub:`` address; ``arguments`` are the model's, ``overrides`` its preprocessing's."""

    name: str
    settings: TimmSettings
    arguments: Mapping[str, Any]
    overrides: Mapping[str, Any]

    @cached_property
    def preprocess(self) -> Preprocess:
        """Size, mean, std and interpolation from the model's own config, less what the settings override."""
        from timm.data import resolve_data_config

        given = {"img_size": self.settings.size, **self.overrides}
        data = resolve_data_config(given, pretrained_cfg=pretrained_config(self.name))
        _, height, width = data["input_size"]
        interpolation = "bilinear" if data["interpolation"] == "bilinear" else "bicubic"
        return Preprocess((height, width), tuple(data["mean"]), tuple(data["std"]), interpolation)

    def module(self) -> nn.Module:
        """The model without its classifier: float [n, 3, h, w] -> pooled features float [n, d].

        Raises:
            CellFailed: the pretrained weights cannot be fetched, or the model refuses an argument.
            HarnessError: a weights file that does not fit; it names the tensors.
        """
        import timm

        arguments, known = dict(self.arguments), pretrained_config(self.name)
        if self.settings.size and known.get("fixed_input_size"):
            arguments["img_size"] = self.settings.size
        pretrained = self.settings.weights == "pretrained"
        try:
            model: nn.Module = timm.create_model(self.name, pretrained=pretrained, num_classes=0, **arguments)
        except OSError as error:
            raise CellFailed(f"pretrained weights of {self.name} cannot be fetched ({error})", _CHOICES) from error
        except TypeError as error:
            raise CellFailed(f"{self.name} does not take these settings ({error})", "Leave the setting out.") from error
        if not pretrained and self.settings.weights != "random":
            _load_file(model, self.settings.weights)
        return model


_CHOICES = "Give weights=FILE or weights=random."


def _load_file(model: nn.Module, path: str) -> None:
    """Load a file whose classifier, if it has one, is left out; all else must fit."""
    names = model.state_dict().keys()
    found = load_tensors(Path(path).expanduser())
    load_into(model, {k: v for k, v in found.items() if k in names or not k.startswith(HEADS)}, source=path)


def pretrained_config(name: str) -> dict[str, Any]:
    """What timm knows of a model's training; a hub checkpoint's is read from the hub or its cache.

    Raises:
        GridError: timm has no such model or tag; the nearest names come along.
        CellFailed: the hub's file is neither cached nor reachable.
    """
    import timm
    from timm.models import get_pretrained_cfg, load_model_config_from_hf

    if name.startswith(HUB):
        try:
            return dict(load_model_config_from_hf(name.removeprefix(HUB))[0])
        except OSError as error:
            raise CellFailed(f"the config of {name} cannot be fetched ({error})", "Name a timm model.") from error
    try:
        config = get_pretrained_cfg(name)
    except RuntimeError as error:
        raise GridError(f"backbone model {name!r}: {error}", _near(name, timm.list_pretrained())) from error
    if config is None:
        raise GridError(f"timm has no model {name!r}", _near(name, timm.list_models()))
    return dict(config.to_dict())


def _near(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3)
    return f"Did you mean {' or '.join(near)}?" if near else "See timm.list_models() for the names."


def lacks(name: str, weights: str, repo: str) -> str | None:
    """Why the ``weights`` of a model whose hub repository is known cannot be had, or None. Imports no timm."""
    if weights == "pretrained":
        return _reason(name) if unavailable_hf(repo, WEIGHT_FILES) else None
    return _no_file(weights)


def lacks_any(name: str, weights: str) -> str | None:
    """The same for any timm name or hub checkpoint; timm is asked where the weights of a name lie.

    Raises:
        GridError: timm has no such model.
    """
    if name.startswith(HUB):
        repo = name.removeprefix(HUB)
        if unavailable_hf(repo, ("config.json",)):
            return f"the config of {name} is neither cached nor reachable (offline); name a timm model instead"
        return lacks(name, weights, repo)
    if weights != "pretrained":
        return _no_file(weights)
    config = pretrained_config(name)
    if repo := config.get("hf_hub_id"):
        files = (config["hf_hub_filename"],) if config.get("hf_hub_filename") else WEIGHT_FILES
        return _reason(name) if unavailable_hf(repo, files) else None
    if url := config.get("url"):
        return _reason(name) if unavailable_url(url) else None
    return f"timm has no pretrained weights of {name}; give weights=FILE or weights=random"


def _no_file(weights: str) -> str | None:
    there = weights == "random" or Path(weights).expanduser().is_file()
    return None if there else f"weights file {weights} does not exist"


def _reason(name: str) -> str:
    return (
        f"pretrained weights of {name} are neither cached nor reachable (offline); give weights=FILE or weights=random"
    )
