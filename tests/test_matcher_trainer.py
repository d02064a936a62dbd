"""``train-matcher`` and ``test-matcher`` from the command line: a file comes out, is used, and is the same again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from safetensors import safe_open
from support import HERD

from harness.cli import main

SMALL = [
    *("--set", "network.layers=1", "--set", "network.heads=1"),
    *("--set", "views.photographs=8", "--set", "views.views=2", "--set", "views.light=0"),
    *("--set", "fit.pairs=8", "--set", "fit.batch_size=4", "--set", "fit.checks=1", "--set", "fit.check_pairs=4"),
]
MATCHER = ["--matcher", "lightglue[features=sift[contrast_threshold=0.01],max_keypoints=48]"]
VALIDATED = ["--set", "protocol.validation_images=0.25", "--set", "protocol.validation_individuals=0.25"]


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def trained(store: Path) -> Path:
    file = store / "mine.safetensors"
    done = call("train-matcher", HERD, *MATCHER, *SMALL, *VALIDATED, "--store", store, "--out", file, "--json")
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["file"] == "mine.safetensors"
    assert [row["pairs"] for row in facts["history"]] == [0, 8]
    return file


def test_the_file_holds_half_precision_and_its_provenance(trained: Path, store: Path) -> None:
    with safe_open(trained, "numpy") as file:
        facts = json.loads(file.metadata()["provenance"])
        kinds = {file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert kinds == {np.dtype(np.float16)}
    assert facts["network"] == {"layers": 1, "dim": 0, "heads": 1, "start": "none"}
    assert facts["data"]["role"] == "train"
    assert facts["data"]["photographs"] == 8
    assert facts["masks"] == "column"  # the herd has masks, so the animal alone is learned
    assert str(store) not in json.dumps(facts)


def test_a_finished_training_comes_from_the_store(trained: Path, store: Path) -> None:
    again = store / "again.safetensors"
    done = call("train-matcher", HERD, *MATCHER, *SMALL, *VALIDATED, "--store", store, "--out", again)
    assert done.exit_code == 0, done.stderr
    assert again.read_bytes() == trained.read_bytes()
    assert "lightglue[features=sift" in done.stderr.replace("\n", "")


def test_matchers_are_compared_on_the_same_views(trained: Path, store: Path) -> None:
    matchers = ["mutual-nn[max_keypoints=48]", f"lightglue[max_keypoints=48,weights={trained}]"]
    words = [word for matcher in matchers for word in ("--matcher", matcher)]
    few = ["--set", "views.photographs=6", "--set", "views.views=2", "--set", "views.light=0"]
    done = call("test-matcher", HERD, *words, *few, "--pairs", "6", "--store", store, "--json")
    assert done.exit_code == 0, done.stderr
    first, second = json.loads(done.stdout)
    assert first["name"].startswith("mutual-nn")
    assert second["name"].startswith("lightglue")
    assert first["gain"]["value"] == 0
    assert first["recall"]["n"] == 6
    table = call("test-matcher", HERD, *words, *few, "--pairs", "6", "--store", store)
    assert "recall" in table.stdout
    assert "mutual-nn" in table.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--matcher", "mutual-nn", "--out", "x.safetensors"], "cannot be trained"),
        (["--out", "x.pth"], "written as .safetensors"),
        (["--out", "nowhere/x.safetensors"], "no folder"),
        (["--out", "x.safetensors", "--set", "fits.lr=1"], "no section 'fits'"),
        (["--out", "x.safetensors", "--set", "fit.lr=-1"], "fit"),
        (["--out", "x.safetensors", "--set", "fit.apart=1"], "must be at least pixels"),
        (["--out", "x.safetensors", "--set", "network.heads=3"], "cannot be shared by 3 heads"),
        (["--out", "x.safetensors", "--matcher", "lightglue[features=disk]"], "disk"),
        (["--out", "x.safetensors", "--masks", "grabcat"], "grabcut"),
    ],
)
def test_what_is_wrong_is_said(words: list[str], said: str, store: Path) -> None:
    done = call("train-matcher", HERD, *words, "--store", store)
    assert done.exit_code in (1, 2)
    assert said in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
