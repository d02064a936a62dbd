"""Settings: what is refused, what enters a key, and what a record may show."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from harness.config import Config, artefact, changed, deciding, file_sha256, knob, location, public
from harness.errors import GridError


class Settings(Config):
    """One of each kind."""

    size: int = 224
    workers: int = knob(4, "processes", ge=1)
    weights: str = artefact("pretrained", "weights")
    root: str = location("", "folder")


class Named(Config):
    """One setting has no default."""

    size: int = 224
    model: str


class Wrong(Config):
    """A default that its own type refuses."""

    size: int = "large"  # type: ignore[assignment]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "net.safetensors"
    path.parent.mkdir()
    path.write_bytes(b"weights")
    return path


def test_settings_cannot_be_changed_or_misspelt() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().size = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Settings(sizes=3)  # type: ignore[call-arg]
    with pytest.raises(ValidationError):
        Settings(workers=0)


def test_a_wrong_default_is_found() -> None:
    with pytest.raises(ValidationError):
        Wrong()


def test_a_key_has_the_defaults_written_out_and_neither_speed_nor_place() -> None:
    assert deciding(Settings()) == deciding(Settings(size=224)) == {"size": 224, "weights": "pretrained"}
    assert deciding(Settings(workers=9, root="/data/photos")) == deciding(Settings())
    assert deciding(Settings(size=96)) != deciding(Settings())


def test_a_key_holds_the_content_of_a_file_and_not_its_name(weights: Path) -> None:
    before = deciding(Settings(weights=str(weights)))
    assert before["weights"] == "sha256:" + hashlib.sha256(b"weights").hexdigest()
    moved = weights.rename(weights.with_name("other.safetensors"))
    assert deciding(Settings(weights=str(moved))) == before
    moved.write_bytes(b"other weights")
    assert deciding(Settings(weights=str(moved))) != before


@pytest.mark.parametrize("word", ["pretrained", "random", "none"])
def test_a_word_for_weights_is_no_file(word: str) -> None:
    assert deciding(Settings(weights=word))["weights"] == word


def test_a_record_shows_everything_but_paths(weights: Path) -> None:
    shown = public(Settings(weights=str(weights), root=str(weights.parent), workers=2))
    assert shown["size"] == 224
    assert shown["workers"] == 2
    assert shown["root"] == "deep"
    name, _, digest = shown["weights"].partition("@")
    assert name == "net.safetensors"
    assert len(digest) >= 8
    assert hashlib.sha256(b"weights").hexdigest().startswith(digest)
    assert str(weights.parent) not in str(shown)


def test_a_label_names_only_what_differs(weights: Path) -> None:
    assert changed(Settings()) == changed(Settings(workers=9)) == {}
    assert changed(Settings(root="my/photos")) == {"root": "photos"}  # two folders are two data sets to a reader
    assert changed(Settings(size=96)) == {"size": 96}
    assert changed(Settings(weights=str(weights)))["weights"].startswith("net.safetensors@")


def test_a_label_begins_with_what_has_no_default() -> None:
    assert list(changed(Named(size=96, model="resnet18"))) == ["model", "size"]
    assert changed(Named(model="resnet18")) == {"model": "resnet18"}


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(GridError, match=r"cannot read .*absent.safetensors") as caught:
        deciding(Settings(weights=str(tmp_path / "absent.safetensors")))
    assert caught.value.advice
    with pytest.raises(GridError, match="cannot read"):
        file_sha256(tmp_path)
