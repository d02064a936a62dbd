"""The kit as a program: every outcome with its reason, apart from the pytest around it, and errors a user can mend."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import GridError, HarnessError, PluginError
from harness.registry import Registry
from harness.testing import FusionContract, kit
from harness.testing.kit import Outcome, Report, check

WRONG = """
from harness import FusionSpec, hookimpl

class Mine:
    def fit(self, shortlist, truth):
        return self

    def rank(self, shortlist):
        return shortlist.ranking.scores - shortlist.ranking.order[:, -1:]

@hookimpl
def harness_fusions():
    yield FusionSpec(name="mine", version="3", build=lambda config: Mine(), summary="a fusion", licence="MIT")
"""


OWN = """
import pytest
from harness.testing import FusionContract

class TestMine(FusionContract):
    plugin = "mine"
    files = ("mine.py",)

    @pytest.mark.xfail(reason="it looks at padding")
    def test_padding_changes_no_score(self):
        super().test_padding_changes_no_score()

    def test_of_my_own(self):
        assert self.made()
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "a folder" / "mine.py"
    path.parent.mkdir()
    path.write_text(WRONG)
    return path


def test_an_in_tree_plugin_passes_whatever_pytest_runs_around_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option")
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw7")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--no-such-option'\n")
    (tmp_path / "conftest.py").write_text("raise SystemError('this is no part of the kit')\n")
    monkeypatch.chdir(tmp_path)
    report = check("openset", "fixed[at=0.5]")
    choice = (
        Registry.load().resolve("openset", "fixed") if False else Registry.load().resolve("openset", "fixed[at=0.5]")
    )
    assert report.passed
    assert (report.kind, report.name, report.version, report.code) == ("openset", "fixed", "1", choice.code)
    assert {outcome.status for outcome in report.outcomes} == {"passed"}
    assert "test_a_batch_changes_no_answer" in {outcome.test for outcome in report.outcomes}
    assert not list(tmp_path.glob("*.xml"))


def test_a_wrong_plugin_in_a_file_fails_with_one_line_each(mine: Path) -> None:
    report = check("fusion", "mine", [mine])
    found = {outcome.test: outcome for outcome in report.outcomes}
    assert not report.passed
    assert report.version == "3"
    assert found["test_padding_changes_no_score"].status == "failed"
    assert found["test_padding_changes_no_score"].message == "a candidate has another score with more padding"
    assert found["test_it_ranks_without_a_matcher"].status == "skipped"
    assert found["test_it_ranks_without_a_matcher"].message == "it declares that it needs matches"
    assert found["test_settings_are_frozen"] == Outcome(
        "test_settings_are_frozen", "passed", found["test_settings_are_frozen"].seconds, ""
    )
    assert all("\n" not in outcome.message for outcome in report.outcomes)


def test_an_error_in_a_plugin_names_its_file_and_line(mine: Path) -> None:
    mine.write_text(WRONG.replace("return shortlist.ranking.scores -", "return shortlist.scores -"))
    found = {outcome.test: outcome for outcome in check("fusion", "mine", [mine]).outcomes}
    told = found["test_padding_changes_no_score"].message
    assert told == "AttributeError: 'Shortlist' object has no attribute 'scores' (mine.py, line 9)"
    assert found["test_settings_are_frozen"].message == ""


def test_a_run_that_is_interrupted_is_an_interruption(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        kit._run(tmp_path, "def test_a(): pass\ndef test_b(): raise KeyboardInterrupt\n")


def test_an_interruption_ends_the_run_and_what_it_has_started(tmp_path: Path) -> None:
    started = tmp_path / "started"
    text = f"""
import os, pathlib, subprocess, time
def test_a():
    sleeper = subprocess.Popen(["sleep", "60"])
    pathlib.Path({str(started)!r} + "-").write_text(str(os.getpid()) + " " + str(sleeper.pid))
    os.rename({str(started)!r} + "-", {str(started)!r})
    time.sleep(60)
"""
    code = f"import pathlib; from harness.testing import kit; kit._run(pathlib.Path({str(tmp_path)!r}), {text!r})"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) as around:
        waited(started.exists)
        around.send_signal(signal.SIGINT)
        _, told = around.communicate(timeout=30)
    assert told.strip().endswith("KeyboardInterrupt")
    for process in map(int, started.read_text().split()):
        waited(lambda process=process: ended(process))


def waited(until: Callable[[], bool], seconds: float = 30) -> None:
    last = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < last, "it takes too long"
        time.sleep(0.05)


def ended(process: int) -> bool:
    """Whether it is gone, or dead and not yet taken leave of by its new parent."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_an_expected_failure_is_told_apart_from_a_skip(tmp_path: Path) -> None:
    text = "import pytest\n@pytest.mark.xfail(reason='a paper says so')\ndef test_a(): assert False\n"
    text += "@pytest.mark.xfail(reason='no more', strict=True)\ndef test_b(): pass\n"
    found = kit._run(tmp_path, text)
    assert [(o.test, o.status) for o in found] == [("test_a", "xfailed"), ("test_b", "failed")]
    assert found[0].message == "a paper says so"


def test_a_class_that_names_its_plugin_is_a_whole_test(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(WRONG)
    found = {outcome.test: outcome for outcome in kit._run(tmp_path, OWN)}
    wanted = {name for name in dir(FusionContract) if name.startswith("test_")} | {"test_of_my_own"}
    assert set(found) == wanted
    assert found["test_padding_changes_no_score"].status == "xfailed"
    assert found["test_padding_changes_no_score"].message == "it looks at padding"
    assert found["test_of_my_own"].status == "passed"


def test_only_a_failure_fails_a_report() -> None:
    outcomes = [Outcome("a", status, 0.0, "") for status in ("passed", "skipped", "xfailed", "failed")]  # type: ignore[arg-type]
    assert Report("fusion", "mine", "1", "", tuple(outcomes[:3])).passed
    assert not Report("fusion", "mine", "1", "", tuple(outcomes)).passed


@pytest.mark.parametrize(
    ("kind", "ref", "error", "words"),
    [
        ("fusion", "replac", PluginError, "Did you mean replace"),
        ("fusions", "replace", PluginError, "There are: dataset, backbone"),
        ("fusion", "replace[bye=count]", GridError, "no setting 'bye'"),
    ],
)
def test_what_there_is_not_is_an_error_before_anything_runs(kind: str, ref: str, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        check(kind, ref)


def test_without_pytest_the_line_to_install_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "pytest" else there(name, *rest)
    )
    with pytest.raises(HarnessError, match=r"pip install 'reid-harness\[testing\]'"):
        check("fusion", "replace")


def test_a_run_without_tests_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="ran no test"):
        kit._run(tmp_path, "")


def test_the_kit_imports_pytest_only_with_the_contracts() -> None:
    code = (
        "import sys, harness; assert 'harness.testing' not in sys.modules; import harness.testing.kit; "
        "print('pytest' in sys.modules, 'torch' in sys.modules); from harness.testing import MatcherContract; "
        "print('pytest' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "False"]
