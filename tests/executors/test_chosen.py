"""``--executor``: references, files, what each stage asks for, and errors that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import ExecutorError, GridError
from harness.executors.chosen import STAGES, chosen
from harness.executors.slurm import SlurmSettings, parameters


def test_a_reference_gives_every_stage_the_same() -> None:
    found = chosen("slurm[partition=gpu,gpus=1,cpus=4,time=60]")
    assert isinstance(found.settings, SlurmSettings)
    assert found.settings.partition == "gpu"
    assert {stage: found.needs(stage).gpus for stage in STAGES} == dict.fromkeys(STAGES, 1)
    assert found.device == "cuda"
    assert chosen("slurm").device == "cpu"
    assert {found.needs(stage).cpus for stage in STAGES} == {4}
    assert found.needs("train", devices=4).gpus == 4, "a training on several devices asks for them"
    assert chosen("local").needs("train", devices=4).gpus == 0, "without GPUs it runs as processes"


def test_a_file_has_a_table_for_each_stage(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text('executor = "slurm"\npartition = "gpu"\ngpus = 1\ntime = 60\n[train]\ntime = 1440\nmemory = 64\n')
    found = chosen(str(path))
    assert (found.needs("train").time, found.needs("train").memory, found.needs("train").gpus) == (1440, 64, 1)
    assert (found.needs("match").time, found.needs("match").memory) == (60, 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("slrm", "no executor 'slrm'"),
        ("local[procesess=2]", "did you mean 'processes'"),
        ("slurm[cpus=0]", "cpus"),
        ("no-such.toml", "cannot read"),
        ("Local", "'Local' is no executor"),
        ("", "'' is no executor"),
        ("local[processes=2", "closing|Close|Write"),
    ],
)
def test_faults_are_told(text: str, told: str) -> None:
    with pytest.raises((ExecutorError, GridError), match=told):
        chosen(text)


def test_a_wrong_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    for text, told in (
        ("x = = 1", "not valid TOML"),
        ('executor = "slurm"\n[train]\ntimes = 3\n', "times"),
        ("", "does not say which"),
    ):
        path.write_text(text)
        with pytest.raises((ExecutorError, GridError), match=told):
            chosen(str(path))


def script(text: str, stage: str, folder: Path) -> set[str]:
    """The options of the script that submitit hands to sbatch for a job of that stage."""
    slurm = pytest.importorskip("submitit.slurm.slurm", reason="submitit is not installed")
    found = chosen(text)
    assert isinstance(found.settings, SlurmSettings)
    told = parameters(found.settings, stage, found.needs(stage))
    lines = slurm._make_sbatch_string(command="true", folder=folder, map_count=9, **told).splitlines()
    return {line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH")}


def test_slurm_is_told_what_was_asked_and_nothing_else(tmp_path: Path) -> None:
    full = script("slurm[partition=gpu,account=lab,gpus=2,cpus=8,memory=32,time=90,jobs=7]", "train", tmp_path)
    asked = ["partition=gpu", "account=lab", "gpus-per-node=2", "cpus-per-task=8", "mem=32GB", "time=90", "requeue"]
    assert full >= {f"--{option}" for option in (*asked, "array=0-8%7", "job-name=reid-train")}
    plain = {option.partition("=")[0].removeprefix("--") for option in script("slurm", "score", tmp_path)}
    assert not plain & {option.partition("=")[0] for option in asked} - {
        "cpus-per-task",
        "requeue",
        "array",
        "job-name",
    }
    file = tmp_path / "slurm.toml"
    file.write_text('executor = "slurm"\n[sbatch]\nreservation = "lab"\nrequeue = false\nexclusive = true\n')
    more = script(str(file), "train", tmp_path)
    assert more >= {"--reservation=lab", "--exclusive"}
    assert not [option for option in more if "requeue" in option]
    assert "--gres=gpu:a100:1" in script("slurm[gpus=1,gres=gpu:a100:1]", "train", tmp_path)


def test_without_its_package_or_its_engine_an_executor_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExecutorError, match="no sbatch"):
        chosen("slurm").build(tmp_path)
    monkeypatch.setattr("harness.executors.chosen.find_spec", lambda name: None)
    with pytest.raises(ExecutorError, match=r"reid-harness\[ray\]"):
        chosen("ray").build(tmp_path)


def test_a_table_of_no_stage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_text('executor = "local"\n[trian]\ncpus = 2\n')
    with pytest.raises(ExecutorError, match=r"\[trian\]\n.*train"):
        chosen(str(path))


def test_what_could_only_fail_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(ExecutorError, match="no GPU"):
        chosen("local[gpus=1]").build(tmp_path)
    pytest.importorskip("ray", reason="ray is not installed")
    with pytest.raises(ExecutorError, match="no Ray cluster at 127"):
        chosen("ray[address=127.0.0.1:1]").build(tmp_path)
