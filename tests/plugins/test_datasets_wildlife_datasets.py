"""wildlife-datasets: any class of the package, from its catalogue; each failure ends in what to type."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from harness_plugins.datasets.wildlife_datasets import WildlifeDatasets, WildlifeDatasetsConfig, build
from wildlife_datasets import datasets as package

from harness import DataError, Dataset
from harness.registry import Registry


def nyala(root: Path) -> Path:
    """The layout that the package unpacks for NyalaData, with four photographs of two individuals."""
    for name in ("train/3/1_left.jpg", "train/3/2_right.jpg", "test/3/3_left.jpg", "train/14/4.jpg"):
        path = root / "wildlife_reidentification-main" / "Nyala_Data_Zero" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def catalogue(monkeypatch: pytest.MonkeyPatch, root: Path, **columns: list[Any]) -> None:
    """Let the class NyalaData list these rows, and make their files."""
    frame = pd.DataFrame({"image_id": range(len(columns["path"])), **columns})
    monkeypatch.setattr(package.NyalaData, "create_catalogue", lambda self: frame)
    for path in columns["path"]:
        if isinstance(path, str):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).touch()


def made(root: Path, name: str = "NyalaData", **settings: Any) -> WildlifeDatasets:
    return build(WildlifeDatasetsConfig(name=name, root=str(root), **settings), Path("unused"))


def test_the_table_of_a_class(tmp_path: Path) -> None:
    dataset = (
        Registry.load().resolve("dataset", f"wildlife-datasets[name=NyalaData,root={nyala(tmp_path)}]").build(None)
    )
    assert isinstance(dataset, Dataset)
    table = dataset.table()
    by_path = {Path(path).name: i for i, path in enumerate(table.path)}
    assert sorted(by_path) == ["1_left.jpg", "2_right.jpg", "3_left.jpg", "4.jpg"]
    assert table.identity[by_path["4.jpg"]] == "14"
    assert table.orientation[by_path["2_right.jpg"]] == "right"
    assert table.orientation[by_path["4.jpg"]] == "", "NaN is no text"
    assert table.split[by_path["3_left.jpg"]] == "test"
    assert set(table.species) == {"nyala"}
    assert set(table.dataset) == {"NyalaData"}
    assert all((table.root / path).is_file() for path in table.path)


def test_a_file_name_in_any_script_is_fine(tmp_path: Path) -> None:
    part = nyala(tmp_path) / "wildlife_reidentification-main" / "Nyala_Data_Zero" / "train" / "3"
    (part / "雪_left.jpg").touch()
    assert len(made(tmp_path).table()) == 5


@pytest.mark.parametrize(
    ("typo", "near"), [("NyalaDat", "NyalaData"), ("nyaladata", "NyalaData"), ("Seaturtleid2022", "SeaTurtleID2022")]
)
def test_a_typo_gets_the_nearest_names_when_built(typo: str, near: str) -> None:
    with pytest.raises(DataError, match=f"Did you mean .*{near}"):
        made(Path("x"), typo)


def test_a_name_like_no_other_lists_them_all() -> None:
    with pytest.raises(DataError, match=r"There are: .*ATRW.*ZindiTurtleRecall"):
        made(Path("x"), "qqqqqq")


@pytest.mark.parametrize("name", ["WildlifeDataset", "DatasetFactory", "np", "names_all"])
def test_only_data_sets_are_offered(name: str) -> None:
    with pytest.raises(DataError, match="no data set"):
        made(Path("x"), name)


def test_a_class_without_image_files_is_refused() -> None:
    with pytest.raises(DataError, match="Chicks4FreeID in the cache of another library"):
        made(Path("x"), "Chicks4FreeID")


def test_unknown_missing_and_unnamed_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = ["a", "unknown", None, "a"]
    catalogue(monkeypatch, tmp_path, path=["0.jpg", "1.jpg", "2.jpg", "3.jpg"], identity=identity)
    with pytest.raises(DataError, match=r"the catalogue of NyalaData, row 3 \(2.jpg\) has no identity"):
        made(tmp_path).table()
    (tmp_path / "3.jpg").unlink()
    with pytest.raises(DataError, match=r"3\.jpg \(row 4\)"):
        made(tmp_path, no_identity="skip").table()
    dataset = made(tmp_path, no_identity="skip", missing="skip")
    assert dataset.table().path.tolist() == ["0.jpg"]
    assert dataset.skipped == {"without_identity": 1, "unknown_identity": 1, "missing_images": 1}


def test_photographs_of_several_animals_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue(
        monkeypatch,
        tmp_path,
        path=["two.jpg", "one.jpg", "two.jpg", "same.jpg", "same.jpg"],
        identity=["a", "a", "b", "b", "b"],
        bbox=[np.array([0, 0, 5, 5])] * 5,
    )
    dataset = made(tmp_path)
    table = dataset.table()
    assert table.path.tolist() == ["one.jpg", "same.jpg"]
    assert dataset.skipped == {"several_animals": 2, "repeated_photographs": 1}
    assert "two.jpg" in dataset.culprits["several_animals"]


def test_numbers_dates_and_lists_become_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue(
        monkeypatch,
        tmp_path,
        path=["0.jpg", "1.jpg", "2.jpg"],
        identity=[7, 7, 8],
        date=[datetime.datetime(2020, 1, 2, 8), datetime.datetime(2020, 1, 2, 9), pd.NaT],
        species=[["lion", "cub"], "lion", np.nan],
    )
    table = made(tmp_path).table()
    assert table.identity.tolist() == ["7", "7", "8"]
    assert table.group.tolist() == ["NyalaData:2020-01-02", "NyalaData:2020-01-02", ""]
    assert table.date.tolist() == ["2020-01-02", "2020-01-02", ""]
    assert table.species.tolist() == ["lion+cub", "lion", "nyala"]


def test_a_path_that_leaves_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalogue(monkeypatch, tmp_path / "root", path=["0.jpg", "../1.jpg"], identity=["a", "a"])
    with pytest.raises(DataError, match=r"row 2 .*leaves the root"):
        made(tmp_path / "root").table()


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for action in (lambda d: d.table(), lambda d: d.prepare(tmp_path)):
        with pytest.raises(DataError, match="harness data prepare 'wildlife-datasets"):
            action(made(tmp_path / "nowhere"))


def test_another_folder_than_the_class_wants(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(DataError, match="NyalaData cannot be read from") as caught:
        made(tmp_path).table()
    assert "harness data prepare 'wildlife-datasets[name=NyalaData]'" in caught.value.advice


# ---- download


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HARNESS_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def test_download_ends_in_place_and_is_done_once(tmp_path: Path, online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def get_data(root: str) -> None:
        calls.append(root)
        print("chatter of the package")
        nyala(Path(root))

    monkeypatch.setattr(package.NyalaData, "get_data", get_data)
    folder = tmp_path / "store" / "nyala"
    for _ in range(2):
        dataset = build(WildlifeDatasetsConfig(name="NyalaData"), folder)
        dataset.prepare(folder)
    assert len(dataset.table()) == 4
    assert len(calls) == 1
    assert [path.name for path in folder.parent.iterdir()] == ["nyala"]


def test_chatter_stays_out_of_standard_output(
    tmp_path: Path, online: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(package.NyalaData, "get_data", lambda root: print("chatter", nyala(Path(root))))
    build(WildlifeDatasetsConfig(name="NyalaData"), tmp_path / "n").prepare(tmp_path / "n")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("half", [True, False])
def test_a_failed_download_leaves_nothing(
    tmp_path: Path, online: None, monkeypatch: pytest.MonkeyPatch, half: bool
) -> None:
    def get_data(root: str) -> None:
        if half:
            nyala(Path(root))
        raise OSError("Network is\n unreachable")

    monkeypatch.setattr(package.NyalaData, "get_data", get_data)
    folder = tmp_path / "store" / "nyala"
    with pytest.raises(DataError, match="Network is unreachable") as caught:
        build(WildlifeDatasetsConfig(name="NyalaData"), folder).prepare(folder)
    for part in ("harness data prepare 'wildlife-datasets[name=NyalaData]'", "downloads#nyaladata", "root=FOLDER"):
        assert part in caught.value.advice
    assert list(folder.parent.iterdir()) == []


def test_a_download_of_nothing_is_a_failure(tmp_path: Path, online: None) -> None:
    with pytest.raises(DataError, match="nothing was downloaded"):
        build(WildlifeDatasetsConfig(name="SealIDSegmented"), tmp_path / "s").prepare(tmp_path / "s")


def test_an_address_that_the_package_wants_from_the_user(tmp_path: Path, online: None) -> None:
    with pytest.raises(DataError, match="URL must be provided for SealID") as caught:
        build(WildlifeDatasetsConfig(name="SealID"), tmp_path / "s").prepare(tmp_path / "s")
    assert "downloads#sealid" in caught.value.advice


def test_a_competition_needs_a_login(tmp_path: Path, online: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR", "KAGGLE_API_V1_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    with pytest.raises(DataError, match="no Kaggle login") as caught:
        build(WildlifeDatasetsConfig(name="HappyWhale"), tmp_path / "h").prepare(tmp_path / "h")
    assert "https://www.kaggle.com/competitions/happy-whale-and-dolphin" in caught.value.advice
