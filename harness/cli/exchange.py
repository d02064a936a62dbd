"""``harness import`` and ``harness export``: foreign predictions in, our predictions and submissions out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import console, json_option, open_store, out, print_json, results_option
from harness.cli.options import chosen_grid, grid_options, protocol_options

if TYPE_CHECKING:
    from harness.pipeline import Pipeline
    from harness.protocol import Data
    from harness.store import Store


@click.command(
    "import",
    epilog="""\b
Examples:
  harness import theirs.csv --name WildFusion --grid results/grids/mini-official.toml
  harness import theirs.csv --name Hotspotter --dataset 'folder[root=photos]' --protocol study
The form of the file is in docs/import.md.""",
)
@click.argument("predictions", metavar="PREDICTIONS.csv", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="What the row is called in the leaderboard.")
@protocol_options
@results_option
@json_option
def import_(predictions: Path, name: str, results: str, as_json: bool, **chosen: Any) -> None:
    """Score somebody else's ranked predictions under the same protocol, as a row of the same table."""
    from harness import leaderboard
    from harness.predictions import read_predictions
    from harness.results import Results
    from harness.runner import imported_row, queries, reference_rows

    _check_name(name)
    folder = Results(Path(results))
    folder.check()
    data, pipeline = _opened(*chosen_grid(chosen), open_store(chosen["store"]))
    query, gallery = pipeline.asked.query, pipeline.asked.gallery
    scopes = data.scope(query), data.scope(gallery)
    found = read_predictions(predictions, query, gallery, data.protocol.shortlist, *scopes)
    if found.cut:
        console().print(f"{found.cut} answers beyond the shortlist of {data.protocol.shortlist} are left out")
    row = imported_row(name, found, data, pipeline)
    folder.add_queries(row, queries(pipeline))
    folder.add([*reference_rows(data, pipeline), row])
    leaderboard.save(folder)
    if as_json:
        print_json(leaderboard.rows([row]))
        return
    for table in leaderboard.terminal(row, [row], out().width):
        out().print(table)


@click.command(
    "export",
    epilog="""\b
Examples:
  harness export --grid my-grid.toml --only matcher=none --animalclef submission.csv
  harness export --backbone resnet50 --loss arcface --matcher none --predictions ours.csv""",
)
@grid_options
@click.option("--predictions", metavar="FILE", type=click.Path(path_type=Path), help="Write the ranking as CSV.")
@click.option("--animalclef", metavar="FILE", type=click.Path(path_type=Path), help="Write the challenge's submission.")
def export(predictions: Path | None, animalclef: Path | None, **chosen: Any) -> None:
    """Write what one cell answers: its ranking, or a submission to AnimalCLEF. Stages that are missing are computed."""
    from harness.animalclef import write_submission
    from harness.errors import GridError
    from harness.predictions import write_predictions

    if not (predictions or animalclef):
        raise click.UsageError("name a file: --predictions FILE, or --animalclef FILE")
    grid, registry = chosen_grid(chosen)
    cells = [cell for cell in grid.cells if not cell.skip]
    if len(cells) != 1:
        problem = f"{len(cells)} cells of the grid can run, and an export is of one"
        raise GridError(problem, "Narrow the grid with --only axis=pattern (harness plan lists its cells).")
    _, pipeline = _opened(grid, registry, open_store(chosen["store"]))
    done = pipeline.finish(cells[0])
    if animalclef:
        if done.decisions is None:
            raise GridError("a submission says which animals are new, and the cell has no open-set rule", "Name one.")
        write_submission(animalclef, pipeline.asked.query, done.decisions)
    if predictions:
        write_predictions(predictions, done.final, done.decisions)
    for path in filter(None, (animalclef, predictions)):
        console().print(f"{cells[0].title}: written to {path}", markup=False, highlight=False, soft_wrap=True)


def _check_name(name: str) -> None:
    """A name stands in tables and terminals, and is nobody else's."""
    if not name.strip() or not name.isprintable():
        raise click.BadParameter("must not be empty or hold control characters", param_hint="--name")
    if name in ("chance", "majority", "none"):
        raise click.BadParameter(f"{name!r} is the name of a row that every table has", param_hint="--name")


def _opened(grid: Any, registry: Any, store: Store) -> tuple[Data, Pipeline]:
    """Data and pipeline of a grid's protocol, with progress on the error stream."""
    from functools import partial

    from harness.data import load
    from harness.pipeline import Pipeline
    from harness.progress import Bars
    from harness.weights import compute_device

    with Bars(console()) as bars:
        data = load(grid.dataset, grid.protocol, store, bars)
    told = partial(registry.tell, "harness_stage_finished")
    return data, Pipeline(store, data, compute_device(), Bars(console()), told)
