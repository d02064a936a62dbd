"""Compiling: only where it pays, and the same training but for rounding."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from tiny import Herd, Memory, Quiet, TinyBackbone

from harness.config import deciding
from harness.stages import compiling
from harness.stages.compiling import LONG, compiled, pays
from harness.stages.train import Trained, TrainSettings, train


@pytest.mark.parametrize(
    ("steps", "device", "compiler", "triton", "worth"),
    [
        (LONG, "cuda", "/bin/cc", True, True),
        (LONG, "cuda:1", "/bin/cc", True, True),
        (LONG - 1, "cuda", "/bin/cc", True, False),
        (10 * LONG, "cpu", "/bin/cc", True, False),
        (LONG, "cuda", None, True, False),
        (LONG, "cuda", "/bin/cc", False, False),
    ],
)
def test_it_pays_for_a_long_run_on_a_card_that_can_be_compiled_for(
    steps: int, device: str, compiler: str | None, triton: bool, worth: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling.shutil, "which", lambda name: compiler)
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda name: triton or None)
    assert pays(steps, device) == worth


def test_off_and_short_leave_the_network() -> None:
    network = TinyBackbone().module()
    assert compiled(network, "off", 10 * LONG, "cuda") is network
    assert compiled(network, "auto", 10 * LONG, "cpu") is network


def test_it_rounds_differently_so_it_is_in_the_key_as_devices_are() -> None:
    assert deciding(TrainSettings(workers=3)) == deciding(TrainSettings())
    assert deciding(TrainSettings(compile="on")) != deciding(TrainSettings())
    assert deciding(TrainSettings(devices=2)) != deciding(TrainSettings())


class Squares:
    """A loss without a head of its own."""

    def head(self, dim: int, classes: int) -> torch.nn.Module:
        class Head(torch.nn.Module):
            def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
                return (embeddings - labels[:, None]).square().mean()

        return Head()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_training_differs_by_rounding() -> None:
    labels = np.arange(9) % 3

    def trained(compile_: str) -> Trained:
        settings = TrainSettings(epochs=2, batch_size=5, embedding=4, augment=0, compile=compile_)  # type: ignore[arg-type]
        return train(
            backbone=TinyBackbone(),
            loss=Squares(),
            sampler="random",
            images=Herd(labels),
            labels=labels,
            classes=3,
            validation=None,
            settings=settings,
            seed=1,
            device="cpu",
            checkpoint=Memory(),
            progress=Quiet(),
        )

    plain, faster = trained("off"), trained("on")
    assert plain.network.keys() == faster.network.keys()
    # Batch norm undoes the bias before it: its gradient is all rounding, which AdamW scales up.
    compared = plain.network.keys() - {"backbone.0.bias", "backbone.1.running_mean"}
    assert all(np.allclose(plain.network[name], faster.network[name], atol=1e-4) for name in compared)
    assert plain.history[-1]["loss"] == pytest.approx(faster.history[-1]["loss"], abs=1e-4)


@pytest.mark.parametrize(
    ("wish", "worth", "asked"),
    [("on", False, 1), ("on", True, 1), ("auto", True, 1), ("auto", False, 0), ("off", True, 0)],
)
def test_it_is_compiled_where_it_is_wished_or_pays(
    wish: str, worth: bool, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, str]] = []
    monkeypatch.setattr(compiling, "pays", lambda steps, device: seen.append((steps, device)) or worth)
    made = torch.nn.Identity()
    calls: list[tuple[object, object]] = []
    monkeypatch.setattr(torch, "compile", lambda network, dynamic: calls.append((network, dynamic)) or made)
    network = TinyBackbone().module()
    assert compiled(network, wish, 7, "cuda:1") is (made if asked else network)
    assert calls == [(network, False)] * asked, "each batch size has a program of its own"
    assert seen == [(7, "cuda:1")] * (wish == "auto")


def test_the_compiler_is_the_one_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(compiling.shutil, "which", lambda name: asked.append(name))
    monkeypatch.setattr(compiling.importlib.util, "find_spec", lambda name: asked.append(name))
    monkeypatch.delenv("CC", raising=False)
    assert not pays(LONG, "cuda")
    monkeypatch.setenv("CC", "clang")
    assert not pays(LONG, "cuda")
    assert asked == ["cc", "clang"]
    monkeypatch.setattr(compiling.shutil, "which", lambda name: "/bin/cc")
    assert not pays(LONG, "cuda")
    assert asked[2:] == ["triton"]
