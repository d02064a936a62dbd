"""A report of 30,000 queries: its seconds, bytes and biggest files, on a data set that is made up for it.

    python benchmarks/report_scale.py [--queries 30000] [--gallery 110000] [--rankings 4] [--out FOLDER]

Photographs are tiny and drawn from a seed; rankings, decisions and records are written into a store of their own as a
run would have left them. A second report on the same store shows what is kept.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness import grid as grids
from harness import runner
from harness.answers import Decisions
from harness.cell import Cell
from harness.data import load
from harness.global_stages import from_ranking
from harness.pipeline import Pipeline
from harness.progress import Quiet
from harness.record import RunRecord
from harness.registry import Registry
from harness.report import book
from harness.report.limits import Limits
from harness.results import Results
from harness.scoring import Finished, score
from harness.store import Store, Value
from harness.trace import leave
from harness.types import Ranking
from harness.workbench import Tally

SHORTLIST = 100


def photographs(root: Path, queries: int, gallery: int) -> None:
    """A data set of tiny photographs under an official split, one query in five of a new individual."""
    rng = np.random.default_rng(0)
    known, new = gallery // 10, max(queries // 15, 1)
    rows = ["image_id,path,identity,species,dataset,split"]
    (root / "images").mkdir(parents=True)
    for number in range(queries + gallery):
        asked = number < queries
        person = f"new-{rng.integers(new)}" if asked and number % 5 == 0 else f"known-{rng.integers(known)}"
        path = f"images/{number // 1000:03d}/{number:06d}.jpg"
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(drawn(rng))
        rows.append(f"{number},{path},{person},zebra,big,{'test' if asked else 'train'}")
    (root / "metadata.csv").write_text("\n".join(rows) + "\n")


def drawn(rng: np.random.Generator) -> bytes:
    """A photograph of 48 pixels."""
    out = io.BytesIO()
    picture = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(picture).resize((48, 48), Image.Resampling.BILINEAR).save(out, "JPEG", quality=60)
    return out.getvalue()


def ranking(rng: np.random.Generator, pipeline: Pipeline, hit: float) -> Ranking:
    """A ranking in which the right individual is found that often."""
    query, gallery = pipeline.keys.asked["query"], pipeline.keys.gallery["query"]
    order = np.stack([rng.choice(len(gallery), SHORTLIST, replace=False) for _ in range(len(query))]).astype(np.int32)
    own: dict[str, int] = {name: row for row, name in enumerate(gallery.identity.tolist())}
    for row in np.flatnonzero(query.known & (rng.random(len(query)) < hit)).tolist():
        right, place = own[str(query.identity[row])], int(rng.exponential(3)) % SHORTLIST
        order[row][order[row] == right] = order[row, place]  # it may be there already: then they change places
        order[row, place] = right
    return Ranking(query.image_id, gallery.image_id, order, falling(rng, order.shape))


def falling(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Scores of a list."""
    return np.sort(rng.random(shape), axis=1)[:, ::-1].copy()


def reordered(rng: np.random.Generator, coarse: Ranking) -> Ranking:
    """The same candidates in another order."""
    places = np.argsort(np.arange(SHORTLIST) + rng.normal(0, 8, coarse.order.shape), axis=1)
    return replace(
        coarse, order=np.take_along_axis(coarse.order, places, axis=1), scores=falling(rng, coarse.order.shape)
    )


def left(pipeline: Pipeline, grid: grids.Grid, cell: Cell, seed: int) -> RunRecord:
    """What a run of a cell would have left in the store, and its record."""
    rng, keys, store = np.random.default_rng(seed), pipeline.keys, pipeline.bench.store
    coarse = ranking(rng, pipeline, 0.7)
    final = reordered(rng, coarse)
    identity = keys.gallery["query"].identity[final.order[:, 0]]
    confidence = rng.random(len(identity)) + keys.asked["query"].known
    said = np.where(confidence >= 1, identity, "")
    decisions = Decisions(coarse.query_ids, said, confidence, np.clip(confidence / 2, 0, 1))
    put(store, keys.retrieve(cell, "query"), from_ranking(coarse, {"embed_seconds": 0.0}))
    put(store, keys.fuse(cell, "query"), from_ranking(final))
    arrays = {"confidence": decisions.confidence, "probability": decisions.probability}
    put(store, keys.decide(cell), Value(arrays, {"identities": said.tolist()}))
    value = score(grid.protocol, pipeline.asked, Finished(coarse, final, decisions))
    leave(store, cell, pipeline.data, grid.dataset, keys, str(value.info["ranking"]))
    return runner._record(cell, pipeline.data, "ok", "", Tally(), value)


def put(store: Store, key: Any, value: Value) -> None:
    """Write a value under a key that the cell has."""
    assert key is not None
    store.write(key, value)


def main() -> None:
    """Make it, report it twice, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("queries", 30_000), ("gallery", 110_000), ("rankings", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    os.environ["HARNESS_DEVICE"] = "cpu"
    with tempfile.TemporaryDirectory() as folder:
        root = chosen.out or Path(folder)
        if not (root / "data" / "metadata.csv").is_file():
            photographs(root / "data", chosen.queries, chosen.gallery)
        backbones = [f"timm[model=resnet10t,weights=random,size={32 + i}]" for i in range(chosen.rankings)]
        raw = {
            "protocol": {"dataset": f"wildlifereid10k[root={root / 'data'}]", "scope": "all", "leaks": ["bytes"]},
            "axes": {"backbone": backbones, "fusion": "k-reciprocal", "openset": "never-new"},
        }
        registry, store, results = Registry.load(), Store(root / "store"), Results(root / "results")
        grid = grids.expand(raw, registry)
        pipeline = Pipeline(store, load(grid.dataset, grid.protocol, store, Quiet()), "cpu", Quiet(), lambda **_: None)
        records = [left(pipeline, grid, cell, seed) for seed, cell in enumerate(grid.cells)]
        results.add(records)
        results.add_queries(records[0], runner.queries(pipeline))
        for turn in ("first", "second"):
            report(root, results, store, registry, turn)


def report(root: Path, results: Results, store: Store, registry: Registry, turn: str) -> None:
    """Write the report and print its seconds and bytes."""
    began = time.perf_counter()
    written = book.write(root / "report", results, store, registry, Limits(), Quiet())
    seconds = time.perf_counter() - began
    files = sorted((p for p in (root / "report").rglob("*") if p.is_file()), key=lambda p: -p.stat().st_size)
    print(f"{turn}: {seconds:.0f} s, {written.pages} pages, {written.bytes / 1e6:.0f} MB in {len(files)} files")
    print(f"  biggest page with its assets: {written.biggest[0]}, {written.biggest[1] / 1e6:.2f} MB")
    for path in files[:5]:
        print(f"  {path.stat().st_size / 1e6:.2f} MB {path.relative_to(root / 'report')}")
    for note in written.notes:
        print(f"  {note}")


if __name__ == "__main__":
    main()
