"""The protocol: presets, refusals, and a hash that changes with all that decides a number and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.digests import with_digests
from harness.errors import DataError, GridError
from harness.progress import Quiet
from harness.protocol import Data, Protocol, apply
from harness.settings import validated
from harness.table import ImageTable


def table(individuals: int = 12, images: int = 5, **columns: Any) -> ImageTable:
    identity = np.repeat([f"a{i:02d}" for i in range(individuals)], images)
    ids = np.array([f"{i:04d}" for i in range(len(identity))])
    given = {"dataset": np.full(len(ids), "herd"), "species": np.full(len(ids), "zebra"), "digest": ids, **columns}
    return ImageTable(root=Path("photos"), image_id=ids, path=ids, identity=identity, **given)


def shipped(individuals: int = 12) -> ImageTable:
    return table(individuals, split=np.array(["train", "train", "train", "test", "train"] * individuals))


def protocol(**settings: Any) -> Protocol:
    made: Protocol = validated(Protocol, {"name": "study", **settings}, "[protocol]")
    return made


def applied(whole: ImageTable | None = None, **settings: Any) -> Data:
    return apply(protocol(**settings), table() if whole is None else whole, "herd", {})


def test_a_name_is_a_preset_that_single_settings_override() -> None:
    study, official = protocol(), protocol(name="official")
    assert (study.split, study.scope, study.title) == ("study", "all", "study")
    assert (official.split, official.scope, official.title) == ("official", "dataset", "official")
    assert protocol(name="official", scope="all").scope == "all"
    assert (study.ks, study.shortlist, study.max_known, study.max_new) == ((1, 5, 10, 20, 100), 100, 2000, 500)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"scop": "all"}, r"no setting 'scop' \(did you mean 'scope'\?\)"),
        ({"shortlst": 5}, "did you mean 'shortlist'"),
        ({"name": "studdy"}, "'study' or 'official'"),
        ({"scope": "herd"}, "scope = 'herd'"),
        ({"ks": [5, 1]}, "rising whole numbers"),
        ({"ks": []}, "rising whole numbers"),
        ({"ks": [0, 1]}, "rising whole numbers"),
        ({"ks": [1, 1]}, "rising whole numbers"),
        ({"ks": [1, 200]}, r"^\[protocol\]: ks up to 200 need a shortlist of at least that size, not 100"),
        ({"query_share": 1}, "query_share"),
        ({"split_seed": -1}, "split_seed"),
        ({"unknown": "ignore"}, "'drop', 'wrong' or 'answer'"),
        ({"leaks": ["smell"]}, r"leaks\.0 = 'smell'"),
        ({"ks": [5, 10]}, "that begin with 1"),
    ],
)
def test_a_setting_that_is_not_valid_is_named(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(GridError, match=told):
        protocol(**settings)


def test_a_protocol_that_is_no_table_is_refused() -> None:
    with pytest.raises(GridError, match=r"\[protocol\] is 3, not a table"):
        validated(Protocol, 3, "[protocol]")


def test_a_random_split_of_a_set_that_ships_one_takes_a_flag_and_shows_in_the_title() -> None:
    with pytest.raises(GridError, match="ships an official split") as caught:
        applied(shipped())
    assert "protocol.resplit=true" in caught.value.advice
    data = applied(shipped(), resplit=True)
    assert data.protocol.title == "study+resplit"
    assert applied().protocol.title == "study"
    assert protocol(name="official", resplit=True).title == "official"  # nothing is re-split
    assert protocol(name="official", split="study").title == "study"  # the title says what is done


def test_the_official_protocol_keeps_the_shipped_split() -> None:
    data = applied(shipped(), name="official")
    assert (data.table.role == "query").tolist() == (shipped().split == "test").tolist()
    assert data.table.having("query").known.all()


def test_a_set_without_a_split_cannot_be_official() -> None:
    with pytest.raises(DataError, match="60 rows have no official split") as caught:
        applied(name="official")
    assert "study" in caught.value.advice


@pytest.mark.parametrize("scope", ["dataset", "species", "orientation"])
def test_a_scope_needs_its_column_filled(scope: str) -> None:
    column = np.full(60, "x", dtype="U4")
    applied(table(**{scope: column}), scope=scope)
    column[[7, 9]] = ""
    with pytest.raises(DataError, match=rf"scope = '{scope}', but 2 rows of herd have no {scope} .*image_id '0007'"):
        applied(table(**{scope: column}), scope=scope)


def test_known_follows_the_scope() -> None:
    """Every animal is seen from both sides, but each query from a side that its gallery lacks."""
    whole = shipped()
    side = np.where(whole.split == "test", "right", "left")
    data = applied(whole.with_columns(orientation=side), name="official", scope="orientation")
    assert data.counts()["n_known"] == 0
    assert data.counts()["n_new"] == data.counts()["n_query"] == 12


def test_the_scope_is_what_a_query_is_searched_in() -> None:
    data = applied(scope="species")
    assert set(data.scope(data.table)) == {"zebra"}
    assert set(applied().scope(data.table)) == {""}


def test_a_set_that_is_too_small_is_told() -> None:
    with pytest.raises(DataError, match="fewer than two individuals to train on"):
        applied(table(1, 20))
    with pytest.raises(DataError, match="gives no query images"):
        applied(table(3, 1))
    with pytest.raises(DataError, match="gives no train images"):
        applied(table(0))


def test_counts_add_up() -> None:
    data = apply(protocol(max_known=3), table(), "herd", {"damaged_images": 2})
    counts = data.counts()
    assert counts["n_known"] == 3
    assert counts["n_query"] == counts["n_known"] + counts["n_new"]
    assert counts["n_gallery"] == counts["n_train"] + counts["n_validation"]
    assert counts["n_left_out_damaged_images"] == 2
    assert counts["n_query"] + counts["n_gallery"] + counts["n_left_out_surplus_queries"] == 60


OTHER: dict[str, Any] = {
    "name": "official",
    "split": "official",
    "resplit": True,
    "split_seed": 1,
    "scope": "species",
    "ks": (1, 5),
    "shortlist": 101,
    "level": "identity",
    "average": "identity",
    "unknown": "wrong",
    "leaks": ("bytes",),
    "near_bits": 3,
    "query_share": 0.3,
    "new_share": 0.3,
    "max_known": 1999,
    "max_new": 499,
    "validation_images": 0.2,
    "validation_individuals": 0.2,
    "damaged": "skip",
}


def test_every_field_of_the_protocol_is_in_its_hash_but_the_reference_of_the_data() -> None:
    assert set(Protocol.model_fields) == set(OTHER) | {"dataset", "ties"}  # ties has one value so far
    data, plain = applied(), applied().protocol_hash
    changed = {
        name: Data(data.protocol.model_copy(update={name: value}), data.table, "herd", data.fingerprint, {})
        for name, value in OTHER.items()
    }
    assert plain not in {other.protocol_hash for other in changed.values()}
    assert len({other.protocol_hash for other in changed.values()}) == len(OTHER)
    assert applied(dataset="folder[root=elsewhere]").protocol_hash == plain
    assert apply(protocol(), table(), "another label", {}).protocol_hash == plain


@pytest.mark.parametrize(
    "column", ["image_id", "identity", "species", "dataset", "orientation", "group", "date", "digest"]
)
def test_every_cell_of_the_rows_is_in_the_hash(column: str) -> None:
    whole = table(orientation=np.full(60, "left"), group=np.full(60, "day 1"), date=np.full(60, "2026-01-01"))
    values = getattr(whole, column).astype("U20")
    values[0] += "x"
    both = [applied(t, new_share=0) for t in (whole, whole.with_columns(**{column: values}))]  # no surplus is dropped
    assert both[0].protocol_hash != both[1].protocol_hash


def photographed(root: Path) -> Data:
    whole = table(6, 5)
    paths = np.array([f"{name}.png" for name in whole.image_id])
    made, _ = with_digests(whole.with_columns(root=root, path=paths), root.parent / "files.sqlite", "error", Quiet())
    return apply(protocol(new_share=0), made, "herd", {})


def test_a_byte_of_an_image_changes_the_hash_and_the_folder_does_not(tmp_path: Path) -> None:
    root = tmp_path / "here"
    root.mkdir()
    for number in range(30):
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(root / f"{number:04d}.png")
    plain = photographed(root).protocol_hash
    shutil.copytree(root, tmp_path / "there")
    assert photographed(tmp_path / "there").protocol_hash == plain
    with (root / "0007.png").open("ab") as file:
        file.write(b"\0")
    assert photographed(root).protocol_hash != plain
    assert photographed(tmp_path / "there").protocol_hash == plain
