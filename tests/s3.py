"""An S3 server on loopback (moto), and a file system that fails at times."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.objects import Objects

BUCKET = "herd"


@contextmanager
def server(log: Path) -> Iterator[dict[str, str]]:
    """Start one; what is yielded are the environment variables of its clients. It has one bucket, :data:`BUCKET`."""
    pytest.importorskip("s3fs", reason="needs s3fs")
    pytest.importorskip("moto.server", reason="needs moto[server]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as told, subprocess.Popen(command, stdout=told, stderr=told) as process:
        try:
            _made(f"{url}/{BUCKET}", process, log)
            yield environment
        finally:
            process.kill()


def _made(bucket: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Make a bucket, as soon as the server answers."""
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(urllib.request.Request(bucket, method="PUT"), timeout=5)
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server does not answer: {log.read_text()}")


class Faulty:
    """A file system some of whose operations fail, before or after they were done."""

    def __init__(self, fs: Any, fails: Callable[[str], BaseException | None], after: bool = False) -> None:
        self._fs, self._fails, self._after, self.protocol = fs, fails, after, fs.protocol

    def __getattr__(self, name: str) -> Any:
        done = getattr(self._fs, name)

        def called(*given: Any, **named: Any) -> Any:
            error = self._fails(name)
            if error and not self._after:
                raise error
            result = done(*given, **named)
            if error:
                raise error
            return result

        return called


def faulty(objects: Objects, fails: Callable[[str], BaseException | None], after: bool = False) -> Objects:
    return Objects(objects.url, Faulty(objects.fs, fails, after), objects._base)
