"""The kit as a program: a plugin's contract run by pytest in a process of its own, and what came of each test."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as Xml
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.choice import Choice
from harness.errors import HarnessError, PluginError
from harness.registry import Registry
from harness.specs import KINDS

Status = Literal["passed", "failed", "skipped", "xfailed"]

FILE = """from harness.testing import CONTRACTS


class TestPlugin(CONTRACTS[{kind!r}]):
    plugin = {ref!r}
    files = {files!r}
"""
SETTINGS = ("--import-mode=importlib", "-p", "no:cacheprovider", "-o", "addopts=", "-q", "--tb=native")
NOT_INHERITED = re.compile(r"PYTEST_.*|COV_CORE_.*")
"""Variables of a pytest around this one: its options, plugins and workers."""
INTERRUPTED = 2
"""How pytest ends when it is interrupted."""
FRAME = re.compile(r'^ *File "(.+)", line (\d+)', re.MULTILINE)
"""A line of a traceback."""


@dataclass(frozen=True)
class Outcome:
    """What came of one test; ``message`` is one line, empty where it passed."""

    test: str
    status: Status
    seconds: float
    message: str


@dataclass(frozen=True)
class Report:
    """What came of the contract of one plugin; ``code`` is the hash of the code that was tested."""

    kind: str
    name: str
    version: str
    code: str
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        """Whether no test failed."""
        return not any(outcome.status == "failed" for outcome in self.outcomes)


def check(kind: str, ref: str, files: Sequence[str | Path] = ()) -> Report:
    """Run the contract of a plugin.

    Args:
        kind: such as ``matcher``.
        ref: the plugin, ``name`` or ``name[setting=value,...]``.
        files: plugin files to load, as ``--plugin`` does.

    Raises:
        PluginError: there is no such kind or plugin. GridError: a setting that is wrong.
        HarnessError: pytest is not installed, or could not run the tests.
    """
    if kind not in KINDS:
        raise PluginError(f"there is no kind of plugin called {kind!r}", f"There are: {', '.join(KINDS)}.")
    choice = Registry.load(files).resolve(kind, ref)
    if importlib.util.find_spec("pytest") is None:
        raise HarnessError("the conformance kit needs pytest", "pip install 'reid-harness[testing]'")
    paths = tuple(str(Path(file).expanduser().resolve()) for file in files)
    with tempfile.TemporaryDirectory(prefix="harness-kit-") as folder:
        outcomes = _run(Path(folder), FILE.format(kind=kind, ref=ref, files=paths), _home(choice))
    return _report(choice, outcomes)


def _report(choice: Choice, outcomes: tuple[Outcome, ...]) -> Report:
    return Report(choice.spec.kind, choice.spec.name, choice.spec.version, choice.code, outcomes)


def _home(choice: Choice) -> Path | None:
    """The folder of the module that declares the plugin."""
    file = getattr(sys.modules.get(choice.module or choice.spec.build.__module__), "__file__", None)
    return Path(file).resolve().parent if file else None


def _run(folder: Path, text: str, home: Path | None = None) -> tuple[Outcome, ...]:
    test, found, own = folder / "test_plugin.py", folder / "found.xml", folder / "pytest.ini"
    test.write_text(text, encoding="utf-8")
    own.write_text("[pytest]\n", encoding="utf-8")  # else the settings of the project in the current folder would rule
    words = [sys.executable, "-m", "pytest", str(test), *SETTINGS, "-c", str(own), "--rootdir", str(folder)]
    words += ["--basetemp", str(folder / "temporary"), "--junitxml", str(found)]
    alone = {name: value for name, value in os.environ.items() if not NOT_INHERITED.fullmatch(name)}
    environment = {**alone, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    code, told = _ended(words, environment)
    outcomes = tuple(_outcomes(found, home)) if found.is_file() else ()
    if not outcomes:
        raise HarnessError(f"pytest ended with {code} and ran no test", "\n".join(told.strip().splitlines()[-15:]))
    return outcomes


def _ended(words: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
    """The exit code and the output of a process. It has a group of its own, which is ended where this process is
    interrupted: so nothing that a plugin started is left behind."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(words, env=environment, start_new_session=True, **pipes) as process:  # noqa: S603
        try:
            told, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode == INTERRUPTED and "KeyboardInterrupt" in told:
        raise KeyboardInterrupt
    return process.returncode, told


def _outcomes(path: Path, home: Path | None = None) -> Iterator[Outcome]:
    """The tests of a JUnit file, in the order in which they ran."""
    for case in Xml.parse(path).getroot().iter("testcase"):  # noqa: S314
        ended = next((part for part in case if part.tag in ("failure", "error", "skipped")), None)
        told = "" if ended is None else (ended.get("message") or ended.text or "").strip()
        message = re.sub(r"^(AssertionError|Failed): ", "", told.partition("\n")[0])
        message += _where((ended.text or "") if ended is not None and ended.tag != "skipped" else "", home)
        yield Outcome(str(case.get("name")), _status(ended), float(case.get("time") or 0), message)


def _where(trace: str, home: Path | None) -> str:
    """The last line of the plugin's own files in a traceback, as `` (mine.py, line 7)``."""
    own = [(Path(file).name, line) for file, line in FRAME.findall(trace) if Path(file).resolve().parent == home]
    return " ({}, line {})".format(*own[-1]) if own else ""


def _status(ended: Xml.Element | None) -> Status:
    if ended is None:
        return "passed"
    if ended.tag != "skipped":
        return "failed"
    return "xfailed" if ended.get("type") == "pytest.xfail" else "skipped"
