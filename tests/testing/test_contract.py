"""What holds of every plugin: wrong declarations and settings are caught, and no test of a contract can be lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from testing.wrong import Wrong

from harness.specs import KINDS
from harness.testing import CONTRACTS, FusionContract
from harness.testing.contract import PROTOCOLS

RIGHT = """
from pydantic import Field, field_validator
from harness import Config, FusionSpec, hookimpl, location

class Settings(Config):
    weight: float = Field(0.5, ge=0)
    names: str = "a"
    folder: str = location("", "a folder")

class Mine:
    def __init__(self, config):
        self.weight = config.weight

    def fit(self, shortlist, truth):
        return self

    def rank(self, shortlist):
        return self.weight * shortlist.local.count.astype(float)

@hookimpl
def harness_fusions():
    yield FusionSpec(name="mine", version="1", config=Settings, build=Mine, summary="a fusion", licence="MIT")
"""

DECLARED = {"test_declares_name_version_licence_and_summary"}
WRONG = {
    "no licence": Wrong('licence="MIT"', 'licence=" "', DECLARED),
    "no version": Wrong('version="1"', 'version=""', DECLARED),
    "a summary of two lines": Wrong("a fusion", "a\\nfusion", DECLARED),
    "a heavy import at the top": Wrong(
        "from pydantic", "import scipy.stats\nfrom pydantic", {"test_declaring_imports_nothing_heavy"}
    ),
    "a heavy import in the hook": Wrong(
        "    yield", "    import pandas\n    yield", {"test_declaring_imports_nothing_heavy"}
    ),
    "a print when it is built": Wrong(
        "self.weight = config.weight", "self.weight = config.weight; print('hello')", {"test_it_prints_nothing"}
    ),
    "settings that can be changed": Wrong(
        "weight: float", "model_config = {'frozen': False}\n    weight: float", {"test_settings_are_frozen"}
    ),
    "settings that take anything": Wrong(
        "weight: float", "model_config = {'extra': 'ignore'}\n    weight: float", {"test_an_unknown_setting_is_refused"}
    ),
    "settings that drift": Wrong(
        'names: str = "a"',
        'names: str = "a"\n    @field_validator("names")\n    def more(cls, value):\n        return value + "b"',
        {"test_settings_survive_a_round_trip", "test_a_reference_survives_a_round_trip"},
    ),
    "no rank": Wrong(
        "def rank(", "def order(", {"test_builds_on_the_cpu_and_can_do_what_its_kind_must"}, frozenset({"all others"})
    ),
}


def test_there_is_a_contract_for_every_kind() -> None:
    assert list(CONTRACTS) == list(KINDS) == list(PROTOCOLS)
    assert all(contract.kind == kind for kind, contract in CONTRACTS.items())


@pytest.mark.parametrize("settings", ["", "[weight=0.25]", "[weight=0.25,names=x+y]", "[folder=/some/where,names=]"])
def test_right_settings_pass(passes: Callable[..., dict[str, str]], settings: str) -> None:
    assert set(passes("fusion", RIGHT, plugin=f"mine{settings}")) <= {"test_it_ranks_without_a_matcher"}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_declarations_and_settings_are_caught(catches: Callable[..., None], wrong: Wrong) -> None:
    catches("fusion", RIGHT, wrong)


def test_another_plugin_that_imports_heavily_is_not_blamed_on_this_one(run: Callable[..., Any], tmp_path: Any) -> None:
    heavy = tmp_path / "heavy.py"
    heavy.write_text("import scipy.stats\n")
    found = run("fusion", RIGHT, slow=True, files=(str(tmp_path / "mine.py"), str(heavy)))
    assert found["test_declaring_imports_nothing_heavy"] == ""


def test_a_plugin_that_cannot_run_here_still_has_its_declaration_tested(run: Callable[..., dict[str, str]]) -> None:
    gone = RIGHT.replace('licence="MIT"', 'licence="", unavailable=lambda config: "no weights"')
    found = run("fusion", gone)
    assert {name for name, text in found.items() if text.startswith("failed")} == DECLARED
    assert found["test_a_batch_changes_no_score"] == "skipped: not available here: no weights"


def test_a_class_without_a_plugin_says_so(run: Callable[..., dict[str, str]]) -> None:
    found = run("fusion", RIGHT, plugin="")
    assert found["test_settings_are_frozen"].startswith("failed: TestMine names no plugin")


def test_an_unknown_plugin_says_which_there_are(run: Callable[..., dict[str, str]]) -> None:
    found = run("fusion", RIGHT, plugin="mien")
    assert "Did you mean mine" in found["test_settings_are_frozen"]


def silent(self: Any) -> None: ...


def marked(mark: pytest.MarkDecorator) -> Any:
    def other(self: Any) -> None: ...

    return mark(other)


NAME = "test_padding_changes_no_score"
MARKS: dict[str, Any] = {
    "no mark": silent,
    "None": None,
    "no reason": marked(pytest.mark.xfail),
    "an empty reason": marked(pytest.mark.xfail(reason=" ")),
    "a condition": marked(pytest.mark.xfail(False, reason="sometimes")),
    "a skip": marked(pytest.mark.skip(reason="not now")),
}


@pytest.mark.parametrize("test", MARKS.values(), ids=MARKS)
def test_a_test_of_the_contract_cannot_be_overridden(test: Any) -> None:
    with pytest.raises(TypeError, match=f"TestMine.{NAME} overrides a test of the contract"):
        type("TestMine", (FusionContract,), {NAME: test, "__module__": __name__})


def test_nor_can_what_the_tests_work_by() -> None:
    with pytest.raises(TypeError, match=r"TestMine\._same overrides"):
        type("TestMine", (FusionContract,), {"_same": silent, "__module__": __name__})


def test_nor_by_a_mixin_nor_by_a_class_in_between() -> None:
    mixin = type("Mixin", (), {NAME: silent})
    with pytest.raises(TypeError, match="overrides"):
        type("TestMine", (mixin, FusionContract), {"__module__": __name__})
    between = type("Between", (FusionContract,), {"__module__": __name__})
    with pytest.raises(TypeError, match="overrides"):
        type("TestMine", (between,), {"test_settings_are_frozen": silent, "__module__": __name__})


def test_a_deviation_with_a_reason_and_further_tests_are_welcome() -> None:
    told = marked(pytest.mark.xfail(reason="it looks at padding, see the paper"))
    members = {NAME: told, "test_of_my_own": silent, "__module__": __name__}
    assert issubclass(type("TestMine", (FusionContract,), members), FusionContract)
