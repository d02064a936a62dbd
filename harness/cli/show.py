"""``harness show``: one pair of photographs with its matches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import (
    console,
    json_option,
    open_registry,
    open_store,
    plugin_option,
    print_json,
    results_option,
    store_option,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.report.chapter import Chapter
    from harness.report.found import Found
    from harness.report.pair import DrawnPair


@click.command(
    epilog="""\b
Examples:
  harness show striped-horse-003-e02-01 striped-horse-003-e00-00 --out pair.png
  harness show IMG_0412 IMG_0007 --row 1770e124 --json
  harness show IMG_0412 IMG_0007 --row official-65a8/    the best row of this protocol
Image ids stand in the report's pages, and in results/queries. Any image of the gallery can be shown, also one that is
not in the query's shortlist. The matches are found anew, by the best row with a matcher or that of --row; the store
must be the one in which the row was run. A picture that is there already is replaced."""
)
@click.argument("query")
@click.argument("gallery")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Draw them: .png, .jpg or .webp.")
@click.option(
    "--row", metavar="[PROTOCOL/][CELL]", default="", help="The row to ask, by the head of its cell, or its protocol."
)
@results_option
@store_option
@plugin_option
@json_option
def show(
    query: str,
    gallery: str,
    out: Path | None,
    row: str,
    results: str,
    store: str | None,
    plugin_files: tuple[str, ...],
    as_json: bool,
) -> None:
    """Tell what a row's matcher finds between a QUERY and a GALLERY image, and draw it."""
    from harness.progress import Bars
    from harness.report.chapter import chapters
    from harness.report.found import find_pair
    from harness.results import Results

    _check_out(out)
    with Bars(console()) as bars:
        opened = chapters(Results(Path(results)), open_store(store), open_registry(plugin_files), bars)
    asked, cell = _chosen(opened, query, row)
    found = find_pair(asked, query, gallery, cell)
    pair, told = _matched(found)
    if out:
        _draw(out, found, pair)
    if as_json:
        print_json({**told, "out": str(out) if out else None})
        return
    for name, value in told.items():
        click.echo(f"{name:<22}{_text(value)}")
    for note in [*_notes(pair), *_elsewhere(opened, found, row)]:
        console().print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    if out:
        console().print(f"Written to {out}", markup=False, highlight=False, soft_wrap=True)


def _check_out(out: Path | None) -> None:
    """Refuse a picture that cannot be written before anything is matched."""
    from harness.report.picture import KINDS

    if out and out.suffix.lower() not in KINDS:
        raise click.BadParameter(f"must end with one of {', '.join(KINDS)}, not {out.name}", param_hint="--out")
    if out and not out.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {out.parent}", param_hint="--out")


def _chosen(opened: list[Chapter], query: str, row: str) -> tuple[list[Chapter], str]:
    """The protocols that ``--row`` leaves, and the cell of the ranking that it names.

    Protocols share cells, and rows that differ in their open-set rule only share a ranking with its matches.

    Raises:
        DataError: there is no such protocol, or several rankings.
    """
    from harness.errors import DataError
    from harness.leaderboard.tables import recipe

    protocol, _, head = row.rpartition("/")
    left = [chapter for chapter in opened if chapter.folder.startswith(protocol)]
    if not left:
        there = ", ".join(chapter.folder for chapter in opened)
        problem = f"no protocol begins with {protocol!r}" if opened else "there are no records"
        raise DataError(problem, f"There are: {there}" if opened else "Give the folder that has them: --results")
    for chapter in left:
        named = {recipe(record) for record in chapter.records if record.cell.startswith(head) and head}
        cells = [r.cell for r in chapter.rankings if r.matcher != "none" and recipe(r) in named]
        if len(cells) > 1:
            raise DataError(f"{len(cells)} rankings with a matcher have a cell that begins with {head!r}", "Give more.")
        if cells and _asks(chapter, query):
            return [chapter], cells[0]
    return left, head


def _asks(chapter: Chapter, query: str) -> bool:
    return chapter.data is not None and query in chapter.data.table.having("query").image_id


def _matched(found: Found) -> tuple[DrawnPair, dict[str, Any]]:
    """The pair with its matches, and what there is to tell of it."""
    from harness.errors import DataError
    from harness.replay import Gone
    from harness.report.pair import drawn

    try:
        (pair,) = drawn(found.replay, [(found.query, found.gallery)])
        return pair, _facts(found, pair)
    except Gone as gone:
        raise DataError(f"the store no longer has {gone.args[0]}", "Run the grid again with this store.") from None


def _facts(found: Found, pair: DrawnPair) -> dict[str, Any]:
    from harness.report.pages.row import title
    from harness.results import stem

    query, gallery = found.replay.query, found.replay.gallery
    before, after = found.places
    return {
        "protocol": stem(found.record),
        "row": found.record.cell,
        "recipe": title(found.record),
        "query": str(query.image_id[found.query]),
        "query identity": str(query.identity[found.query]),
        "gallery": str(gallery.image_id[found.gallery]),
        "gallery identity": str(gallery.identity[found.gallery]),
        "same individual": found.right,
        "place by embedding": before,
        "place after": after,
        "keypoints": [len(points) for points in pair.keypoints],
        "matches": len(pair),
        "agree": int(pair.inliers.sum()) if pair.checked else None,
        "on the animal": None if pair.on is None else int(pair.on.sum()),
    }


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " and ".join(map(str, value))
    return "-" if value is None else str(value)


def _notes(pair: DrawnPair) -> list[str]:
    told = [f"the {name} has no keypoint, so there is nothing to match" for name in pair.empty]
    if not pair.checked:
        told.append("the matcher was asked for no geometric check")
    return told if pair.on is not None else [*told, "there is no mask: what is background is not known"]


def _elsewhere(opened: list[Chapter], found: Found, row: str) -> Iterator[str]:
    """How to see the pair under another protocol, where none was chosen."""
    query = str(found.replay.query.image_id[found.query])
    others = [chapter for chapter in opened if chapter.first.protocol_hash != found.record.protocol_hash]
    for chapter in others:
        if "/" not in row and _asks(chapter, query):
            yield f"the protocol {chapter.folder} asks this query too: --row {chapter.folder}/"


def _draw(out: Path, found: Found, pair: DrawnPair) -> None:
    from harness.images import read_image
    from harness.report.picture import save_picture

    tables = ((found.replay.query, found.query), (found.replay.gallery, found.gallery))
    one, other = (read_image(table.root / str(table.path[row])) for table, row in tables)
    a, b = (f"{table.image_id[row]}: {table.identity[row]}" for table, row in tables)
    save_picture(out, pair, (one, other), (a, b))
