"""What training hands on: to the processes of a team, and to a run in this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import Herd, Memory, Quiet, TinyBackbone

from harness.stages import train as stage
from harness.stages.loading import decode_all
from harness.stages.member import Work
from harness.stages.train import TrainSettings, Validation, train
from harness.stages.validate import Decoded

LABELS = np.repeat(np.arange(4), 3)
QUERIES = np.arange(4)
PREPROCESS = TinyBackbone.preprocess


def handed(**given: Any) -> Any:
    """Train on the small herd; what comes of it is what the test's own function gives."""
    arguments: dict[str, Any] = {
        "backbone": TinyBackbone(),
        "loss": None,
        "sampler": "random",
        "images": Herd(LABELS),
        "labels": LABELS,
        "classes": 4,
        "validation": Validation(Herd(QUERIES, seed=5), QUERIES, Herd(LABELS), LABELS),
        "settings": TrainSettings(devices=2, workers=3, validate_images=2),
        "seed": 3,
        "device": "cpu",
        "checkpoint": Memory(b"state"),
        "progress": Quiet(),
    }
    return train(**{**arguments, **given})


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many readers each decoding is given."""
    asked: list[int] = []

    def decoded(images: Any, preprocess: Any, progress: Any, workers: int = 0, file: Path | None = None) -> Any:
        asked.append(workers)
        return decode_all(images, preprocess, progress, workers, file)

    for module in ("train", "validate"):
        monkeypatch.setattr(f"harness.stages.{module}.decode_all", decoded)
    return asked


def test_processes_are_handed_the_images_in_a_file_that_has_no_name(
    monkeypatch: pytest.MonkeyPatch, readers: list[int]
) -> None:
    checkpoint, told = Memory(b"state"), Quiet()
    seen: list[Work] = []

    def together(work: Work, given: Any, progress: Any) -> str:
        seen.append(work)
        assert (given, progress) == (checkpoint, told)
        pixels = np.fromfile(work.file, np.uint8).reshape(12, 16, 24, 3)
        assert np.array_equal(pixels, decode_all(Herd(LABELS), PREPROCESS, Quiet()))
        assert not work.file.resolve().exists(), "nothing is left behind"
        return "trained"

    monkeypatch.setattr(stage, "train_together", together)
    monkeypatch.setattr(stage, "check_devices", lambda devices, device: None)
    assert handed(checkpoint=checkpoint, progress=told) == "trained"
    (work,) = seen
    assert (work.device, work.state) == ("cpu", b"state")
    assert work.task.labels is LABELS
    assert work.followed is not None
    assert (len(work.followed.query), len(work.followed.gallery)) == (2, 2)
    assert readers == [3, 3, 3]
    assert told.done > 0


def test_a_run_in_this_process_is_handed_the_same(monkeypatch: pytest.MonkeyPatch, readers: list[int]) -> None:
    seen: list[Any] = []

    def fitted(*given: Any) -> str:
        seen.extend(given)
        torch.rand(3)
        return "trained"

    monkeypatch.setattr(stage, "fitted", fitted)
    checkpoint, told = Memory(), Quiet()
    before = torch.get_rng_state()
    settings = TrainSettings(workers=3, validate_images=2)
    assert handed(settings=settings, checkpoint=checkpoint, progress=told) == "trained"
    assert torch.equal(torch.get_rng_state(), before)
    task, team, pixels, followed, given, progress = seen
    assert (task.classes, task.settings, task.seed, task.sampler) == (4, settings, 3, "random")
    assert (team.device, team.size) == ("cpu", 1)
    assert np.array_equal(pixels, decode_all(Herd(LABELS), PREPROCESS, Quiet()))
    assert isinstance(followed, Decoded)
    assert (given, progress) == (checkpoint, told)
    assert readers == [3, 3, 3]


def test_devices_are_checked_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str]] = []
    monkeypatch.setattr(stage, "check_devices", lambda devices, device: asked.append((devices, device)))
    monkeypatch.setattr(stage, "fitted", lambda *given: given)
    handed(settings=TrainSettings(devices=1), validation=None)
    assert asked == [(1, "cpu")]


@pytest.mark.parametrize(("device", "cards"), [("cpu", []), ("cuda:1", [0, 1])])
def test_the_random_state_of_every_card_is_kept(device: str, cards: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import nullcontext

    kept: list[list[int]] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.random, "fork_rng", lambda devices: kept.append(devices) or nullcontext())
    with stage._own_randomness(device):
        pass
    assert kept == [cards]
