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
    from harness.report.found import Found
    from harness.report.pair import DrawnPair


@click.command(
    epilog="""\b
Examples:
  harness show striped-horse-003-e02-01 striped-horse-003-e00-00 --out pair.png
  harness show IMG_0412 IMG_0007 --row 1770e124 --json
Image ids stand in the report's pages, and in results/queries. The matches are found anew, by the best row with a
matcher or that of --row; the store must be the one in which the row was run."""
)
@click.argument("query")
@click.argument("gallery")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Draw them: .png, .jpg or .webp.")
@click.option("--row", metavar="CELL", default="", help="The row to ask, by the head of its cell.")
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
    from harness.errors import DataError
    from harness.progress import Bars
    from harness.replay import Gone
    from harness.report.chapter import chapters
    from harness.report.found import find_pair
    from harness.report.pair import drawn
    from harness.report.picture import KINDS
    from harness.results import Results

    if out and (not out.absolute().parent.is_dir() or out.suffix.lower() not in KINDS):
        problem = f"must be a picture ({', '.join(KINDS)}) in a folder that is there, not {out}"
        raise click.BadParameter(problem, param_hint="--out")
    with Bars(console()) as bars:
        opened = chapters(Results(Path(results)), open_store(store), open_registry(plugin_files), bars)
    found = find_pair(opened, query, gallery, row)
    try:
        (pair,) = drawn(found.replay, [(found.query, found.gallery)])
        told = _facts(found, pair)
    except Gone as gone:
        raise DataError(f"the store no longer has {gone.args[0]}", "Run the grid again with this store.") from None
    if out:
        _draw(out, found, pair)
    if as_json:
        print_json({**told, "out": str(out) if out else None})
        return
    for name, value in told.items():
        click.echo(f"{name:<22}{'-' if value is None else value}")
    if out:
        console().print(f"Written to {out}", markup=False, highlight=False, soft_wrap=True)


def _facts(found: Found, pair: DrawnPair) -> dict[str, Any]:
    query, gallery = found.replay.query, found.replay.gallery
    before, after = found.places
    return {
        "row": found.record.cell,
        "recipe": " / ".join((found.record.backbone, found.record.loss, found.record.matcher, found.record.fusion)),
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


def _draw(out: Path, found: Found, pair: DrawnPair) -> None:
    from harness.images import read_image
    from harness.report.picture import save_picture

    tables = ((found.replay.query, found.query), (found.replay.gallery, found.gallery))
    one, other = (read_image(table.root / str(table.path[row])) for table, row in tables)
    a, b = (f"{table.image_id[row]}: {table.identity[row]}" for table, row in tables)
    save_picture(out, pair, (one, other), (a, b))
