"""A store at a URL: in memory, in a folder, in a bucket."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from machines import (
    Machine,
    opened,
)
from s3 import BUCKET, server

from harness import objects


@pytest.fixture(scope="session")
def s3_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with server(tmp_path_factory.mktemp("s3") / "log") as environment:
        yield environment


@pytest.fixture(params=["memory", "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "s3":
        for name, setting in request.getfixturevalue("s3_environment").items():
            monkeypatch.setenv(name, setting)
        return f"s3://{BUCKET}/{uuid.uuid4().hex}"
    return f"file://{tmp_path}/there" if request.param == "file" else f"memory://{uuid.uuid4().hex}"


@pytest.fixture
def machine(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("HARNESS_STORE_CACHE", "")  # put back in the end
    monkeypatch.setattr(objects, "WAIT", 0.001)
    return lambda name: opened(url, tmp_path / name)
