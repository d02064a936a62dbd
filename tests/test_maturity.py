"""Maturity: what the kit found holds for the code that it ran on, and a figure is the best row of the results."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rows import metric, record

from harness import maturity
from harness.choice import Entry
from harness.cli.plugin_page import in_tree, in_tree_facts, page_text
from harness.errors import DataError, StoreError
from harness.maturity import Figure, Kit, Standing
from harness.record import Metric
from harness.registry import Registry
from harness.results import Results

ROOT = Path(__file__).resolve().parents[1]
RENEW = "renew it: harness plugins check --all --record; harness plugins page --results results --out docs/plugins.md"
KIT = Kit(version="1", harness="0.1.0", passed=20, failed=0, skipped=1, built=True)
PLUGINS = {"matcher": {"name": "mutual-nn", "version": "1"}, "loss": {"name": "arcface", "version": "1"}}
VERSIONS = {"matcher/mutual-nn": "1", "loss/arcface": "1", "dataset/synthetic-herd": "3"}
MINE = """
from harness import Config, MatcherSpec, hookimpl

@hookimpl
def harness_matchers():
    yield MatcherSpec(name="mine", version="VERSION", config=Config, build=lambda config: REST)
"""


@pytest.fixture
def entry(tmp_path: Path) -> Callable[..., Entry]:
    """A foreign plugin, as a file of its own each time."""
    made: list[Path] = []

    def make(version: str = "1", rest: str = "None") -> Entry:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(folder / "mine.py")
        made[-1].write_text(MINE.replace("VERSION", version).replace("REST", rest))
        return Registry.load(made[-1:]).find("matcher", "mine")

    return make


def remember(entry: Entry, store: Path, kit: Kit = KIT) -> None:
    from harness.fingerprint import code_hash

    maturity.remember(entry.spec.kind, entry.spec.name, code_hash(entry.module), kit, store)


def test_a_plugin_that_was_never_checked_has_no_standing(tmp_path: Path, entry: Callable[..., Entry]) -> None:
    assert maturity.standing(entry(), tmp_path / "store") == Standing()


def test_what_was_found_holds_for_the_same_code_wherever_it_lies(tmp_path: Path, entry: Callable[..., Entry]) -> None:
    remember(entry(), tmp_path / "store")
    assert maturity.standing(entry(), tmp_path / "store").kit == KIT


def test_an_edited_plugin_has_not_been_checked(tmp_path: Path, entry: Callable[..., Entry]) -> None:
    remember(entry(), tmp_path / "store")
    assert maturity.standing(entry(rest="1"), tmp_path / "store").kit is None
    assert maturity.standing(entry(version="2"), tmp_path / "store").kit is None


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"version": 1}'])
def test_a_damaged_file_counts_as_none(tmp_path: Path, entry: Callable[..., Entry], content: bytes) -> None:
    remember(entry(), tmp_path / "store")
    (kept,) = (tmp_path / "store" / "kit").iterdir()
    kept.write_bytes(content)
    assert maturity.standing(entry(), tmp_path / "store").kit is None


def test_many_writers_leave_one_whole_file(tmp_path: Path, entry: Callable[..., Entry]) -> None:
    mine = entry()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: remember(mine, tmp_path, KIT.model_copy(update={"passed": n})), range(50)))
    assert len(list((tmp_path / "kit").iterdir())) == 1
    kit = maturity.standing(mine, tmp_path).kit
    assert kit is not None
    assert kit.passed in range(50)


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path, entry: Callable[..., Entry]) -> None:
    (tmp_path / "kit").write_text("no folder")
    with pytest.raises(StoreError, match="kit"):
        remember(entry(), tmp_path)


def test_what_ships_is_for_in_tree_plugins_of_that_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: Callable[..., Entry]
) -> None:
    figure = maturity.figures([record(plugins=PLUGINS)], VERSIONS)["matcher/mutual-nn"]
    ships = {name: Standing(kit=KIT, figures=figure) for name in ("matcher/mutual-nn", "matcher/mine")}
    monkeypatch.setattr(maturity, "shipped", lambda: ships)
    ours = Registry.load().find("matcher", "mutual-nn")
    assert maturity.standing(ours) == ships["matcher/mutual-nn"]
    assert maturity.standing(entry()) == Standing(), "a foreign plugin of that name"
    old = KIT.model_copy(update={"version": "0"})
    ships["matcher/mutual-nn"] = Standing(kit=old, figures=(figure[0].model_copy(update={"version": "0"}),))
    assert maturity.standing(ours) == Standing()
    failed = KIT.model_copy(update={"failed": 2})
    remember(ours, tmp_path, failed)
    assert maturity.standing(ours, tmp_path).kit == failed, "what was found here comes first"
    remember(ours, tmp_path, KIT.model_copy(update={"built": False}))
    ships["matcher/mutual-nn"] = Standing(kit=KIT)
    assert maturity.standing(ours, tmp_path).kit == KIT, "it could not be built here, which says nothing of it"


def test_a_figure_is_the_best_row_that_ran_under_each_protocol() -> None:
    rows = [
        record("c0", plugins=PLUGINS, metrics={"R-1": metric(0.5)}),
        record("c1", plugins=PLUGINS, metrics={"R-1": metric(0.7)}, fusion="sum"),
        record("c2", plugins=PLUGINS, metrics={"R-1": metric(0.6)}, protocol_hash="b" * 64),
        record("c3", plugins=PLUGINS, metrics={"R-1": metric(0.9)}, status="failed"),
        record("c4", plugins=PLUGINS, metrics={"R-1": metric(0.9)}, kind="reference"),
        record("c5", plugins=PLUGINS, metrics={"R-1": Metric(value=None, n=0)}),
        record("c6", plugins=PLUGINS, metrics={}),
        record("c7", plugins={"matcher": {"name": "mutual-nn", "version": "0"}}, metrics={"R-1": metric(0.8)}),
    ]
    found = maturity.figures(rows, VERSIONS)["matcher/mutual-nn"]
    assert [(figure.r1.value, figure.protocol_hash) for figure in found] == [(0.7, "a" * 12), (0.6, "b" * 12)]
    assert found[0].recipe == "resnet50 / arcface / mutual-nn[max_keypoints=48] / sum / threshold"
    assert maturity.figures(rows[::-1], VERSIONS)["matcher/mutual-nn"] == found, "the order of the rows plays no part"


def test_every_plugin_of_a_row_gets_the_figure_its_data_set_too() -> None:
    found = maturity.figures([record(plugins=PLUGINS)], VERSIONS)
    assert set(found) == {"matcher/mutual-nn", "loss/arcface", "dataset/synthetic-herd"}
    assert found["dataset/synthetic-herd"][0].version == "3"
    assert "dataset/synthetic-herd" not in maturity.figures([record(plugins=PLUGINS, dataset="My herd")], VERSIONS)


def test_the_file_is_written_and_read_back_sorted(tmp_path: Path) -> None:
    figure = Figure(r1=metric(0.5), dataset="d", protocol="p", protocol_hash="h", recipe="r", version="1")
    known = {"matcher/b": Standing(kit=KIT), "loss/a": Standing(figures=(figure,))}
    path = tmp_path / "maturity.json"
    maturity.save(known, path)
    assert maturity.shipped(path) == known
    assert list(maturity.shipped(path)) == sorted(known)
    maturity.save({}, path)
    assert maturity.shipped(path) == {}, "what was read before is forgotten"


@pytest.mark.parametrize("text", ["", "[]", '{"loss/a": {"kit": 1}}'])
def test_a_damaged_file_of_the_package_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "maturity.json").write_text(text)
    with pytest.raises(DataError, match="Install the harness again"):
        maturity.shipped(tmp_path / "maturity.json")


def test_a_missing_file_means_that_nothing_is_known(tmp_path: Path) -> None:
    assert maturity.shipped(tmp_path / "none.json") == {}


def test_every_in_tree_plugin_passes_the_kit_in_its_present_version() -> None:
    known = maturity.shipped()
    plugins = {f"{entry.spec.kind}/{entry.spec.name}": entry.spec.version for entry in in_tree(Registry.load())}
    assert set(known) == set(plugins), RENEW
    for name, version in plugins.items():
        kit = known[name].kit
        assert kit is not None, f"{name}: {RENEW}"
        assert (kit.version, kit.failed) == (version, 0), f"{name}: {RENEW}"
        assert kit.passed, name


def test_the_figures_that_ship_are_those_of_the_results() -> None:
    versions = {f"{entry.spec.kind}/{entry.spec.name}": entry.spec.version for entry in in_tree(Registry.load())}
    found = maturity.figures(Results(ROOT / "results").read(), versions)
    shipped = {name: standing.figures for name, standing in maturity.shipped().items() if standing.figures}
    assert shipped == found, RENEW


def test_the_page_of_all_plugins_is_current() -> None:
    text = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert text == page_text(in_tree_facts(Registry.load())), RENEW
