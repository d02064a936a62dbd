"""wildlifereid10k: the official layout as it is, and each kind of bad input as an error that names the culprit."""

from __future__ import annotations

import csv
import os
import sys
import sysconfig
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from harness_plugins.datasets import _metadata
from harness_plugins.datasets.wildlifereid10k import WildlifeReID10k, WildlifeReID10kConfig, build

from harness import DataError, Dataset, ImageTable
from harness.config import deciding
from harness.registry import Registry

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "data"
OFFICIAL = ("identity", "path", "date", "orientation", "species", "split", "dataset", "cluster_id")
Row = dict[str, str]


def row(n: int, **changes: str) -> Row:
    """A good row: photograph ``n`` of the data set Cats."""
    good = {"identity": f"Cats_{n % 2}", "path": f"images/Cats/{n}.jpg", "date": "", "orientation": "left"}
    return {**good, "species": "cat", "split": "train", "dataset": "Cats", "cluster_id": "", **changes}


def lay_out(root: Path, rows: list[Row], columns: tuple[str, ...] = OFFICIAL, files: bool = True) -> Path:
    """Write metadata.csv and an (empty) file for each row."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "metadata.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns)
        writer.writeheader()
        writer.writerows(rows)
    for item in rows if files else ():
        (root / item["path"]).parent.mkdir(parents=True, exist_ok=True)
        (root / item["path"]).touch()
    return root


def write(root: Path, text: str | bytes) -> Path:
    """Write metadata.csv as it is given."""
    (root / "metadata.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def load(root: Path, **settings: Any) -> tuple[ImageTable, WildlifeReID10k]:
    dataset = build(WildlifeReID10kConfig(root=str(root), **settings), Path("unused"))
    return dataset.table(), dataset


def refused(root: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        load(root, **settings)
    assert caught.value.advice, "an error says what to do"
    return str(caught.value)


@pytest.fixture
def shared() -> Path:
    if not (SHARED / "wildlifereid10k-mini" / "metadata.csv").is_file():
        pytest.skip("no photographs in ../shared/data")
    return SHARED


# ---- real photographs


def test_mini_has_the_published_counts_and_split(shared: Path) -> None:
    table, dataset = load(shared / "wildlifereid10k-mini")
    for name, images, individuals, queries in (("NyalaData", 1942, 237, 428), ("LionData", 740, 94, 155)):
        part = table.select(table.dataset == name)
        assert (len(part), len(set(part.identity))) == (images, individuals)
        assert Counter(part.split.tolist()) == {"train": images - queries, "test": queries}
        assert set(part.identity[part.split == "test"]) <= set(part.identity[part.split == "train"]), "closed set"
    assert dataset.skipped == {}
    assert isinstance(dataset, Dataset)


def test_a_known_row_keeps_what_the_file_says(shared: Path) -> None:
    table, _ = load(shared / "wildlifereid10k-mini")
    first = table.select(table.image_id == "0059ff52cecc36e9")
    assert len(first) == 1
    assert first.identity[0] == "NyalaData_19"
    assert first.path[0] == "images/NyalaData/19/844_leftphoto_0059ff52cecc36e9.jpg"
    assert (first.orientation[0], first.species[0], first.group[0], first.mask[0]) == ("left", "nyala", "", "")


def test_masks_of_the_pigs_are_found(shared: Path) -> None:
    table, _ = load(shared / "faropig")
    assert (len(table), len(set(table.identity))) == (215, 43)
    assert all((table.root / mask).is_file() for mask in table.mask)


def test_one_of_the_data_sets(shared: Path) -> None:
    table, _ = load(shared / "wildlifereid10k-mini", datasets="LionData")
    assert set(table.dataset) == {"LionData"}
    assert len(table) == 740


# ---- settings


def test_found_by_its_name_and_datasets_are_joined_by_plus(tmp_path: Path) -> None:
    lay_out(tmp_path, [row(0), row(1, dataset="Dogs"), row(2, dataset="Emus")])
    choice = Registry.load().resolve("dataset", f"wildlifereid10k[root={tmp_path},datasets=Emus+Cats]")
    assert choice.build(tmp_path).table().dataset.tolist() == ["Cats", "Emus"]


@pytest.mark.parametrize("value", ["B+A", "A + B+", ["B", "A"], ("A", "B", "A")])
def test_the_order_of_datasets_decides_nothing(value: Any) -> None:
    assert deciding(WildlifeReID10kConfig(datasets=value))["datasets"] == "A+B"


def test_a_wrong_dataset_name_gets_the_nearest(tmp_path: Path) -> None:
    lay_out(tmp_path, [row(0), row(1, dataset="NyalaData")])
    message = refused(tmp_path, datasets="NyallaData")
    assert "'NyallaData'" in message
    assert "Did you mean NyalaData" in message


def test_where_the_files_lie_stays_out_of_every_key() -> None:
    assert "root" not in deciding(WildlifeReID10kConfig(root="/somewhere"))


def test_without_root_the_folder_given_counts(tmp_path: Path) -> None:
    lay_out(tmp_path, [row(0)])
    assert len(build(WildlifeReID10kConfig(), tmp_path).table()) == 1


# ---- columns


def test_ids_come_from_paths_so_that_no_other_row_changes_them(tmp_path: Path) -> None:
    lay_out(tmp_path, [row(0), row(1), row(2)])
    before, _ = load(tmp_path)
    lay_out(tmp_path, [row(9), row(2), row(1)])
    after, _ = load(tmp_path)
    assert after.image_id[2] == before.image_id[1]
    assert after.image_id[1] == before.image_id[2]
    assert len(set(before.image_id)) == 3


def test_groups_are_days_or_clusters_and_never_mix_data_sets_or_individuals(tmp_path: Path) -> None:
    rows = [
        row(0, date="2019-05-04", cluster_id="7"),
        row(1, date="2019-05-04 10:30:00"),
        row(2, date="2019-05-04", dataset="Dogs"),
        row(3, identity="a", cluster_id="0"),
        row(4, identity="a", cluster_id="0.0"),
        row(5, identity="b", cluster_id="0"),
        row(6, identity="a", cluster_id="-1"),
        row(7, identity="a"),
    ]
    groups = load(lay_out(tmp_path, rows))[0].group.tolist()
    assert groups[0] == groups[1] != groups[2]
    assert groups[3] == groups[4] != groups[5]
    assert groups[6] == groups[7] == ""
    assert "" not in groups[:6]


def test_a_date_is_a_day_or_nothing(tmp_path: Path) -> None:
    given = ("2019-05-04", "2019-05-04 10:30:00", "2019-05-04T10:30:00", "2019", "May 2019", "")
    table, _ = load(lay_out(tmp_path, [row(n, date=text) for n, text in enumerate(given)]))
    assert table.date.tolist() == ["2019-05-04"] * 3 + [""] * 3


def test_a_file_from_a_spreadsheet_on_windows(tmp_path: Path) -> None:
    lay_out(tmp_path, [row(0)])
    text = '\ufeffidentity,path,split,,\r\n Zoë "Zo" <b> ,images\\Cats\\.\\0.jpg,Train,,\r\n\r\n'
    table, _ = load(write(tmp_path, text))
    assert table.identity.tolist() == ['Zoë "Zo" <b>']
    assert (table.path[0], table.split[0], table.species[0]) == ("images/Cats/0.jpg", "train", "")


# ---- a file that cannot be read


def test_no_metadata_tells_what_to_type(tmp_path: Path) -> None:
    message = refused(tmp_path / "nowhere")
    for part in ("metadata.csv", "images/", "wildlifereid10k[root=FOLDER]", "harness data prepare wildlifereid10k"):
        assert part in message


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("", ["identity", "path", "first line has: nothing"]),
        ("identity;path\na;b.jpg\n", ["no column 'identity'", "identity;path", "commas"]),
        ("identity,file\na,b.jpg\n", ["no column 'path'", "identity, file"]),
        ("identity,path\n", ["no rows"]),
        ("identity,path,identity\na,b.jpg,c\n", ["two columns 'identity'"]),
        ("identity,path\na,1.jpg\nb,c,2.jpg\n", ["line 3", "3 cells"]),
        ("identity,path\na,1.jpg\n\nb\n", ["line 4", "1 cells"]),
        ('identity,path\na,1.jpg\n"b,2.jpg\nc,3.jpg\n', ["line 3", "quotes"]),
        ('identity,path\na,1.jpg\na,"2.jpg\n', ["line 3", "quotes"]),
        ("identity,path\na\xe9,1.jpg\n".encode("latin-1"), ["UTF-8"]),
        ("identity,path\na,\n", ["line 2", "no image file"]),
    ],
)
def test_a_csv_that_cannot_be_used(tmp_path: Path, content: str | bytes, parts: list[str]) -> None:
    message = refused(write(tmp_path, content))
    assert "metadata.csv" in message
    for part in parts:
        assert part in message


def test_lines_are_counted_across_cells_with_line_breaks(tmp_path: Path) -> None:
    text = 'identity,path,note\na,1.jpg,"two\nlines"\n,2.jpg,x\n'
    assert "line 4 (2.jpg)" in refused(write(tmp_path, text))


# ---- rows that cannot be used


def test_rows_without_identity(tmp_path: Path) -> None:
    lay_out(tmp_path, [row(0), row(1), row(2, identity=" "), row(3, identity="")])
    message = refused(tmp_path)
    for part in ("metadata.csv, line 4", "images/Cats/2.jpg", "no identity", "2 such rows", "no_identity=skip"):
        assert part in message
    table, dataset = load(tmp_path, no_identity="skip")
    assert len(table) == 2
    assert dataset.skipped == {"without_identity": 2}
    assert "line 4 (images/Cats/2.jpg)" in dataset.culprits["without_identity"]


def test_unknown_is_no_individual(tmp_path: Path) -> None:
    names = ["unknown", "Cats_unknown", "Cats_Unidentified", "Cats_nan", "Cats_unknown_7", "Unknowna", "Dogs_unknown"]
    lay_out(tmp_path, [row(n, identity=name) for n, name in enumerate(names)])
    table, dataset = load(tmp_path)
    assert table.identity.tolist() == ["Cats_unknown_7", "Unknowna", "Dogs_unknown"]
    assert dataset.skipped == {"unknown_identity": 4}
    assert "line 2" in dataset.culprits["unknown_identity"]
    assert len(load(tmp_path, drop_unknown=False)[0]) == len(names)


def test_missing_images(tmp_path: Path) -> None:
    lay_out(tmp_path, [row(n) for n in range(6)])
    for n in (1, 2, 3, 5):
        (tmp_path / f"images/Cats/{n}.jpg").unlink()
    message = refused(tmp_path)
    for part in ("4 files", "images/Cats/1.jpg (line 3)", "images/Cats/3.jpg (line 5)", "...", "missing=skip"):
        assert part in message
    assert "5.jpg" not in message, "the first few are enough"
    table, dataset = load(tmp_path, missing="skip")
    assert table.path.tolist() == ["images/Cats/0.jpg", "images/Cats/4.jpg"]
    assert dataset.skipped == {"missing_images": 4}


def test_a_folder_is_no_image_and_nothing_left_is_an_error(tmp_path: Path) -> None:
    lay_out(tmp_path, [row(0)], files=False)
    (tmp_path / "images/Cats/0.jpg").mkdir(parents=True)
    assert "images/Cats/0.jpg (line 2)" in refused(tmp_path)
    message = refused(tmp_path, missing="skip")
    assert "no row of metadata.csv is left" in message
    assert "missing_images 1" in message


def test_a_missing_mask_costs_the_mask_alone(tmp_path: Path) -> None:
    columns = (*OFFICIAL, "mask")
    lay_out(tmp_path, [row(0, mask="masks/0.png"), row(1, mask="masks/1.png"), row(2, mask="")], columns)
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks/1.png").touch()
    assert "masks/0.png (line 2)" in refused(tmp_path)
    table, dataset = load(tmp_path, missing="skip")
    assert table.mask.tolist() == ["", "masks/1.png", ""]
    assert dataset.skipped == {"missing_masks": 1}


@pytest.mark.parametrize("path", ["/etc/passwd", "../b.jpg", "images/../../b.jpg", "C:\\b.jpg", "\\\\server\\b.jpg"])
@pytest.mark.parametrize("column", ["path", "mask"])
def test_a_path_that_leaves_the_root(tmp_path: Path, path: str, column: str) -> None:
    columns = (*OFFICIAL, "mask")
    lay_out(tmp_path / "root", [row(0), row(1, **{column: path})], columns, files=False)
    message = refused(tmp_path / "root", missing="skip")
    for part in ("metadata.csv, line 3", repr(path), "leaves the root"):
        assert part in message


@pytest.mark.parametrize("linked", ["images/Cats/1.jpg", "images/Cats", "images"])
def test_a_link_that_leaves_the_root(tmp_path: Path, linked: str) -> None:
    root, away = lay_out(tmp_path / "root", [row(0), row(1)]), tmp_path / "away"
    (root / linked).rename(away)
    (root / linked).symlink_to(away)
    message = refused(root, missing="skip")
    assert "leaves the root" in message
    assert ("line 3" if linked.endswith("jpg") else "line 2") in message


def test_links_within_the_root_and_a_linked_root_are_fine(tmp_path: Path) -> None:
    root = lay_out(tmp_path / "root", [row(0), row(1)])
    (root / "images/Cats").rename(root / "images/Felidae")
    (root / "images/Cats").symlink_to(root / "images/Felidae")
    (root / "images/Felidae/1.jpg").rename(root / "one.jpg")
    (root / "images/Felidae/1.jpg").symlink_to(root / "one.jpg")
    (tmp_path / "link").symlink_to(root)
    assert len(load(tmp_path / "link")[0]) == 2


def test_a_circle_of_links_is_a_missing_file(tmp_path: Path) -> None:
    lay_out(tmp_path, [row(0), row(1)])
    (tmp_path / "images/Cats/1.jpg").unlink()
    (tmp_path / "images/Cats/1.jpg").symlink_to("1.jpg")
    assert "images/Cats/1.jpg (line 3)" in refused(tmp_path)


def test_duplicates_name_both_lines(tmp_path: Path) -> None:
    columns = ("image_id", *OFFICIAL)
    lay_out(tmp_path, [row(0, image_id="x"), row(1, image_id="y"), row(2, image_id="x")], columns)
    message = refused(tmp_path)
    for part in ("line 4 (images/Cats/2.jpg)", "duplicate image_id 'x'", "line 2"):
        assert part in message
    lay_out(tmp_path, [row(0), row(1), row(1, identity="b")])
    message = refused(tmp_path)
    for part in ("line 4", "duplicate path 'images/Cats/1.jpg'", "line 3"):
        assert part in message


def test_an_image_id_may_not_be_half_given(tmp_path: Path) -> None:
    lay_out(tmp_path, [row(0, image_id="x"), row(1, image_id="")], ("image_id", *OFFICIAL))
    assert "line 3 (images/Cats/1.jpg) has no image_id" in refused(tmp_path)


def test_each_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, [row(n) for n in range(50)])
    calls: list[Any] = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (calls.append(path), real(path))[1])
    monkeypatch.setattr(_metadata.Below, "_is_file", lambda *_: pytest.fail("a plain file was looked at by itself"))
    load(tmp_path)
    assert len(calls) == 1


# ---- download

LOGIN = ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_CONFIG_DIR", "KAGGLE_API_V1_TOKEN")


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without a login, and a network as far as the harness knows; the home is returned."""
    for name in (*LOGIN, "HARNESS_OFFLINE", "HF_HUB_OFFLINE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_API_TOKEN", "")
    return tmp_path / "home"


def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Put a command ``kaggle`` where the one of the package would lie."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "kaggle").write_text(f"#!{sys.executable}\n{body}\n")
    (scripts / "kaggle").chmod(0o755)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(scripts))
    monkeypatch.setenv("KAGGLE_API_TOKEN", "made-up")


def test_no_login_gives_the_exact_steps(tmp_path: Path, online: Path) -> None:
    dataset = build(WildlifeReID10kConfig(), tmp_path / "store" / "files")
    with pytest.raises(DataError) as caught:
        dataset.prepare(tmp_path / "store" / "files")
    for part in (
        "no Kaggle login",
        "https://www.kaggle.com/settings",
        "KAGGLE_API_TOKEN",
        "~/.kaggle/kaggle.json",
        "KAGGLE_USERNAME",
        "https://www.kaggle.com/datasets/wildlifedatasets/wildlifereid-10k",
        "harness data prepare wildlifereid10k",
    ):
        assert part in str(caught.value)
    assert not (tmp_path / "store").exists(), "nothing is begun"


@pytest.mark.parametrize(
    "file", [".kaggle/kaggle.json", ".config/kaggle/kaggle.json", ".kaggle/access_token", ".kaggle/credentials.json"]
)
def test_a_login_is_found_where_kaggle_looks(online: Path, file: str) -> None:
    from harness_plugins.datasets._download import has_kaggle_login

    assert not has_kaggle_login()
    (online / file).parent.mkdir(parents=True)
    (online / file).touch()
    assert has_kaggle_login()


def test_download_is_unpacked_once(tmp_path: Path, online: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = lay_out(tmp_path / "source", [row(0), row(1)])
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in sorted(source.rglob("*")):
            archive.write(path, path.relative_to(source))
    copy = f"import shutil; shutil.copy({str(tmp_path / 'all.zip')!r}, 'wildlifereid-10k.zip')"
    kaggle(tmp_path, monkeypatch, copy)
    folder, before = tmp_path / "store" / "files", Path.cwd()
    build(WildlifeReID10kConfig(), folder).prepare(folder)
    assert len(build(WildlifeReID10kConfig(), folder).table()) == 2
    assert [path.name for path in folder.parent.iterdir()] == ["files"], "nothing half is left"
    assert Path.cwd() == before
    kaggle_again = "raise SystemExit('called a second time')"
    (tmp_path / "scripts" / "kaggle").write_text(f"#!{sys.executable}\n{kaggle_again}\n")
    build(WildlifeReID10kConfig(), folder).prepare(folder)


@pytest.mark.parametrize(
    "body", ["raise SystemExit('403 Forbidden')", "open('wildlifereid-10k.zip', 'w').write('<html>no</html>')"]
)
def test_a_failed_download_leaves_nothing_and_says_what_to_do(
    tmp_path: Path, online: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    kaggle(tmp_path, monkeypatch, body)
    folder, before = tmp_path / "store" / "files", Path.cwd()
    with pytest.raises(DataError, match="accept the terms") as caught:
        build(WildlifeReID10kConfig(), folder).prepare(folder)
    assert "WildlifeReID10k cannot be downloaded" in caught.value.problem
    assert list(folder.parent.iterdir()) == []
    assert Path.cwd() == before


def test_what_lies_in_the_way_is_never_replaced(tmp_path: Path, online: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "made-up")
    (tmp_path / "files").mkdir()
    (tmp_path / "files/thesis.txt").write_text("dear to someone")
    with pytest.raises(DataError, match="in the way"):
        build(WildlifeReID10kConfig(), tmp_path / "files").prepare(tmp_path / "files")
    assert (tmp_path / "files/thesis.txt").read_text() == "dear to someone"


def test_offline_means_no_download(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="HARNESS_OFFLINE"):
        build(WildlifeReID10kConfig(), tmp_path / "files").prepare(tmp_path / "files")


def test_a_root_is_never_downloaded_into(tmp_path: Path, online: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        build(WildlifeReID10kConfig(root=str(tmp_path / "mine")), tmp_path / "files").prepare(tmp_path / "files")
    lay_out(tmp_path / "mine", [row(0)])
    build(WildlifeReID10kConfig(root=str(tmp_path / "mine")), tmp_path / "files").prepare(tmp_path / "files")
    assert not (tmp_path / "files").exists()
