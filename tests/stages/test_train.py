"""Training: it learns, it can be taken up again bit by bit, and odd inputs end clearly."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from harness_plugins.losses import arcface, softmax, triplet
from numpy.typing import NDArray
from safetensors.numpy import load, save
from tiny import Flat, Herd, Memory, Quiet, TinyBackbone
from torch import nn

from harness.errors import CellFailed
from harness.stages import loading
from harness.stages.fit import _share
from harness.stages.network import build_network, feature_dim
from harness.stages.sampling import epoch_batches
from harness.stages.train import Trained, TrainSettings, Validation, train

LABELS = np.repeat(np.arange(6), 7)
SMALL = {"epochs": 4, "batch_size": 8, "embedding": 16, "lr": 5e-3, "backbone_lr_scale": 1.0}
ARCFACE = arcface.build(arcface.ArcFaceSettings(scale=16))


def fit(labels: NDArray[np.int64] = LABELS, **given: Any) -> Trained:
    settings = TrainSettings(**{**SMALL, **given.pop("settings", {})})
    arguments: dict[str, Any] = {
        "backbone": TinyBackbone(),
        "loss": ARCFACE,
        "sampler": "random",
        "images": Herd(labels),
        "labels": labels,
        "classes": int(labels.max()) + 1,
        "validation": None,
        "seed": 3,
        "device": "cpu",
        "checkpoint": Memory(),
        "progress": Quiet(),
    }
    return train(settings=settings, **{**arguments, **given})


def equal(one: Trained, other: Trained) -> bool:
    pairs = ((one.network, other.network), (one.head, other.head))
    return all(a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a) for a, b in pairs)


def test_it_learns_and_tells_how() -> None:
    images, asked = Herd(LABELS), np.arange(6)
    validation = Validation(Herd(asked, seed=5), asked, images, LABELS)
    progress = Quiet()
    trained = fit(images=images, validation=validation, settings={"epochs": 6}, progress=progress)
    first, last = trained.history[0], trained.history[-1]
    assert [row["epoch"] for row in trained.history] == [1, 2, 3, 4, 5, 6]
    assert set(last) == {"epoch", "loss", "lr", "validation_r1", "seconds"}
    assert last["loss"] < 0.8 * first["loss"]
    assert last["validation_r1"] >= 5 / 6
    assert last["lr"] < first["lr"] == pytest.approx(5e-3, rel=0.2)
    assert progress.done == progress.total == 6 * len(LABELS)


def test_each_image_is_decoded_once() -> None:
    images = Herd(LABELS)
    fit(images=images)
    assert (images.read == 1).all()


@pytest.mark.parametrize(
    ("loss", "sampler"), [(ARCFACE, "random"), (triplet.build(triplet.TripletSettings()), "per-class")]
)
@pytest.mark.parametrize("stop", ["epoch 1", "epoch 3"])
def test_a_killed_run_ends_in_the_weights_of_an_undisturbed_one(loss: Any, sampler: str, stop: str) -> None:
    class Killed(Quiet):
        def advance(self, n: int = 1, note: str = "") -> None:
            super().advance(n, note)
            if note.startswith(stop) and self.notes.count(note) and sum(t.startswith(stop) for t in self.notes) == 3:
                raise KeyboardInterrupt

    checkpoint = Memory()
    with pytest.raises(KeyboardInterrupt):
        fit(loss=loss, sampler=sampler, checkpoint=checkpoint, progress=Killed())
    assert checkpoint.saves == int(stop[-1]) - 1
    torch.manual_seed(12345)  # whatever happened to the global state in between must not matter
    taken_up = fit(loss=loss, sampler=sampler, checkpoint=checkpoint)
    assert checkpoint.saves == 4
    assert equal(taken_up, fit(loss=loss, sampler=sampler))


def test_another_seed_gives_other_weights_and_the_callers_random_state_is_kept() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = fit()
    assert torch.equal(before, torch.get_rng_state())
    assert not equal(one, fit(seed=4))


@pytest.mark.parametrize("damage", [lambda s: b"", lambda s: b"nonsense", lambda s: s[: len(s) // 2]])
def test_a_damaged_checkpoint_is_reported_and_training_starts_anew(damage: Any) -> None:
    checkpoint = Memory()
    whole = fit(checkpoint=checkpoint)
    assert checkpoint.state is not None
    with pytest.warns(UserWarning, match="starts anew"):
        again = fit(checkpoint=Memory(damage(checkpoint.state)))
    assert len(again.history) == 4
    assert equal(whole, again)


def test_a_finished_checkpoint_needs_no_further_epoch() -> None:
    checkpoint = Memory()
    whole = fit(checkpoint=checkpoint)
    again = fit(checkpoint=checkpoint)
    assert checkpoint.saves == 4
    assert again.history == whole.history
    assert equal(whole, again)


def test_weights_survive_safetensors_and_load_into_a_fresh_network() -> None:
    trained = fit()
    network = build_network(TinyBackbone(), 16)
    arrays = load(save(trained.network))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    counters = [value for name, value in arrays.items() if name.endswith("num_batches_tracked")]
    assert counters
    assert all(value.dtype == np.int64 and value.shape == () and value == 4 * 6 for value in counters)


class Broken:
    """A loss that is NaN from its fourth call on."""

    def head(self, dim: int, classes: int) -> nn.Module:
        class Head(nn.Module):
            calls = 0

            def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
                self.calls += 1
                return embeddings.sum() * (math.nan if self.calls > 7 else 1.0)

        return Head()


def test_a_nan_loss_fails_the_cell_and_names_epoch_and_step() -> None:
    with pytest.raises(CellFailed, match=r"not finite \(nan\) in epoch 2, step 2 of 6") as caught:
        fit(loss=Broken())
    assert "train.lr" in caught.value.advice


def test_a_backbone_that_does_not_pool_is_named() -> None:
    with pytest.raises(CellFailed, match="not one vector"):
        build_network(Flat(), 16)


@pytest.mark.parametrize("n", [2, 3, 5, 9, 17, 33])
def test_no_batch_has_one_image(n: int) -> None:
    labels = np.arange(n) % 2
    for size in (2, 3, 4, 8):
        batches = epoch_batches(labels, "random", size, 4, np.random.default_rng(0))
        assert sorted(np.concatenate(batches).tolist()) == list(range(n))
        assert min(map(len, batches)) >= 2
        assert max(map(len, batches)) <= size + (size == 2)
    fit(labels=labels, settings={"epochs": 1})


def test_per_class_batches_keep_photographs_of_an_animal_together() -> None:
    labels = np.repeat(np.arange(30), [8] * 10 + [3] * 10 + [1] * 10)
    shuffled = np.random.default_rng(1).permutation(labels)
    batches = epoch_batches(shuffled, "per-class", 12, 4, np.random.default_rng(0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(labels)))

    def alone(batches: list[NDArray[np.int64]]) -> int:
        return sum(int((np.bincount(shuffled[rows]) == 1).sum()) for rows in batches)

    # Ten animals have one photograph; few others are cut off at the end of a batch.
    assert 10 <= alone(batches) <= 20
    assert alone(epoch_batches(shuffled, "random", 12, 4, np.random.default_rng(0))) > 50


def test_triplet_needs_a_pair() -> None:
    loss = triplet.build(triplet.TripletSettings())
    fit(labels=np.array([0, 0, 1, 2, 3]), loss=loss, sampler="per-class")
    with pytest.raises(CellFailed, match="two training photographs"):
        fit(labels=np.arange(5), loss=loss, sampler="per-class")


def test_one_class_has_nothing_to_learn() -> None:
    with pytest.raises(CellFailed, match="nothing to tell apart"):
        fit(labels=np.zeros(5, np.int64))


def test_labels_beyond_the_classes_are_refused() -> None:
    with pytest.raises(CellFailed, match="label 5 is beyond"):
        fit(classes=4)


def test_species_labels_with_validation_by_identity() -> None:
    loss = softmax.build(softmax.SoftmaxSettings())
    images, asked = Herd(LABELS), np.array([0, 5, 9])  # 9 is not in the gallery and is left out
    validation = Validation(Herd(asked, seed=5), asked, images, LABELS)
    trained = fit(images=images, labels=LABELS % 2, loss=loss, validation=validation)
    assert trained.head["linear.weight"].shape == (2, 16)
    assert trained.history[-1]["validation_r1"] in (0.0, 0.5, 1.0)


def test_validation_is_bounded_and_may_be_unanswerable() -> None:
    images = Herd(LABELS)
    gallery = Herd(LABELS, seed=7)
    fit(images=images, validation=Validation(Herd(LABELS, 5), LABELS, gallery, LABELS), settings={"validate_images": 9})
    assert gallery.read.sum() == 9
    nobody = Validation(Herd(LABELS, 5), LABELS + 100, images, LABELS)
    assert "validation_r1" not in fit(validation=nobody).history[0]


def test_decoded_images_may_lie_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = fit()
    monkeypatch.setattr(loading, "IN_MEMORY", 1000)
    decoded = loading.decode_all(Herd(LABELS), TinyBackbone.preprocess, Quiet())
    assert isinstance(decoded, np.memmap)
    assert decoded.shape == (len(LABELS), 16, 24, 3)
    assert equal(in_memory, fit())


def test_the_learning_rate_rises_and_falls() -> None:
    shares = [_share(step, 10, 100) for step in range(100)]
    assert 0 < shares[0] < 0.2
    assert max(shares) == 1.0
    assert shares.index(1.0) == 10
    assert shares[-1] < 0.001
    assert (np.diff(shares[10:]) < 0).all()


def test_feature_dim_keeps_the_mode_and_the_running_statistics() -> None:
    module = TinyBackbone().module()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert feature_dim(module, TinyBackbone.preprocess) == 12
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


@pytest.mark.parametrize("level", [0.0, 1.0, 2.0])
def test_augmentation_keeps_shape_and_range(level: float) -> None:
    from harness.stages.augment import augmentation

    change = augmentation(level, (16, 24), flip=level > 1)
    assert (change is None) == (level == 0)
    if change is not None:
        batch = torch.rand(6, 3, 16, 24)
        torch.manual_seed(0)
        one = change(batch)
        torch.manual_seed(0)
        assert torch.equal(one, change(batch))
        assert one.shape == batch.shape
        assert float(one.min()) >= -1e-4
        assert float(one.max()) <= 1 + 1e-4
        assert not torch.equal(one, batch)
