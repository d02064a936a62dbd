"""The recipes for clusters: valid, and of files that are there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.executors.chosen import chosen

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "recipes"


def test_the_slurm_file_is_valid() -> None:
    found = chosen(str(RECIPES / "slurm.toml"))
    assert found.name == "slurm"
    assert found.needs("train").time > found.needs("match").time
    assert found.device == "cuda"


@pytest.mark.parametrize("name", ["Containerfile", "Containerfile.gpu", "harness.def"])
def test_images_copy_what_is_there_and_install_with_extras_that_exist(name: str) -> None:
    text = (RECIPES / name).read_text()
    copied = [word for line in re.findall(r"^COPY (.*) \S+$", text, re.M) for word in line.split()]
    copied += re.findall(r"^ +(\S+) /opt/reid-harness/\S+$", text, re.M)
    assert {"pyproject.toml", "harness", "plugins"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    (extras,) = re.findall(r'"\.\[(.*)\]"', text)
    project = (ROOT / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = \[", project, re.M) for extra in extras.split(","))


def test_the_job_file_is_a_script() -> None:
    assert subprocess.run(["bash", "-n", str(RECIPES / "driver.sbatch")]).returncode == 0
