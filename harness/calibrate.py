"""Calibration: a short sample of each kind of work that was never measured here, with real plugins and photographs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from harness.cell import Cell
from harness.contracts import Progress
from harness.effort import Effort
from harness.errors import HarnessError, StoreError
from harness.expected import SAMPLED, Guess
from harness.global_stages import GlobalStages
from harness.keys import Keys
from harness.local_stages import LocalStages
from harness.progress import Quiet
from harness.protocol import Data
from harness.stopwatch import Piece, Stopwatch
from harness.store import Store
from harness.table import ImageTable
from harness.timings import Timings
from harness.types import Ranking
from harness.workbench import Workbench

ENOUGH = 2.0
"""Seconds of work after which a sample is long enough."""

FIRST = 8
"""Photographs of the first sample; each further one has twice as many, and others."""

FRAMES = 4
"""Photographs of an animal in a sample: labels are made up, so that any sample can be trained on."""


class Sample:
    """The stages that are worth a sample, each on all of some photographs; the other stages are cheap."""

    def __init__(self, store: Store, data: Data, device: str) -> None:
        self.data, self.keys = data, Keys(data, device)
        self.bench = Workbench(store, Quiet(), _nobody)
        self.coarse = GlobalStages(self.bench, data, self.keys, device)
        self.fine = LocalStages(self.bench, data, self.keys)

    def train(self, cell: Cell) -> None:
        """One epoch."""
        self.coarse.trained(replace(cell, train=cell.train.model_copy(update={"epochs": 1})))

    def embed(self, cell: Cell) -> None:
        """Embed with a network that is not trained: that takes as long."""
        self.coarse.embeddings(replace(cell, loss=None), self.data.table)

    def segment(self, cell: Cell) -> None:
        """Masks that a segmenter guesses."""
        assert cell.features is not None
        self.fine.masks(cell.features)

    def describe(self, cell: Cell) -> None:
        """Local features."""
        assert cell.features is not None
        self.fine.described(cell.features)

    def match(self, cell: Cell) -> None:
        """Each query against the whole gallery."""
        asked, gallery = self.keys.asked["query"].image_id, self.keys.gallery["query"].image_id
        order = np.tile(np.arange(len(gallery), dtype=np.int32), (len(asked), 1))
        self.fine.pairs(cell, "query", Ranking(asked, gallery, order, np.zeros(order.shape)))


def calibrate(guesses: Sequence[Guess], keys: Keys, store: Store, progress: Progress) -> dict[Guess, str]:
    """Measure these kinds of work, each for some seconds; nothing but the log of timings stays in the store.

    Returns:
        Those that failed, each with its reason.

    Raises:
        StoreError: the disk is full, or cannot be written.
    """
    failed: dict[Guess, str] = {}
    wanted = [guess for guess in guesses if guess.stage in SAMPLED]
    progress.start(len(wanted), "kinds of work")
    with TemporaryDirectory(prefix="calibration-", dir=store.root / "tmp") as folder:
        samples = Samples(keys, Store(Path(folder)))
        for guess in wanted:
            progress.advance(0, guess.stage)
            try:
                samples.measure(guess, Timings(store.root))
            except StoreError:
                raise
            except HarnessError as error:
                failed[guess] = str(error)
            except Exception as error:  # a plugin may raise anything; the plan goes on with a guess
                failed[guess] = f"{type(error).__name__}: {error}"
            progress.advance()
    return failed


class Samples:
    """Runs samples of the work under ``keys``, in a store that is thrown away."""

    def __init__(self, keys: Keys, store: Store) -> None:
        self.keys, self.store = keys, store

    def measure(self, guess: Guess, timings: Timings) -> None:
        """Samples of growing size until one is long enough; the first warms up, and shows what goes by just once."""
        once, pieces = 0.0, list[Piece]()
        for rows in self._photographs(guess):
            watch = self._timed(guess, rows)
            once, pieces = once or watch.between[guess.stage], watch.pieces[guess.stage]
            if sum(piece.seconds for piece in pieces) >= ENOUGH:
                break
        units, seconds = self._whole(guess, pieces)
        timings.add(guess.stage, units, seconds, guess.kind, once)

    def _photographs(self, guess: Guess) -> Iterator[ImageTable]:
        """Rows from all over the table, none of them twice."""
        table = self.keys.data.table
        rows = np.random.default_rng(0).permutation(np.unique(table.digest, return_index=True)[1])
        size = max(FIRST, guess.cell.train.batch_size if guess.stage == "train" else 0)
        yield table.select(rows[:size])
        while len(rows) >= 3 * size:
            rows, size = rows[size:], 2 * size
            yield table.select(rows[:size])

    def _timed(self, guess: Guess, rows: ImageTable) -> Stopwatch:
        data = replace(self.keys.data, table=_made_up(rows, guess.stage))
        sample = Sample(self.store, data, str(self.keys.numeric["device"]))
        getattr(sample, guess.stage)(guess.cell)
        return sample.bench.progress

    def _whole(self, guess: Guess, pieces: Sequence[Piece]) -> tuple[float, float]:
        """Units and seconds of a sample; for a training those of all of it: decoded once, then many epochs."""
        work = pieces[-1]
        if guess.stage != "train":
            return work.units, work.seconds
        effort, train = Effort(self.keys), len(self.keys.gallery["validation"])
        units, photographs = effort.train(guess.cell), train + effort.followed(guess.cell)
        decoding = sum(piece.seconds for piece in pieces[:-1])
        return units, (units * work.seconds + photographs * decoding) / work.units


def _made_up(rows: ImageTable, stage: str) -> ImageTable:
    """Photographs with labels and roles that let the stage run: all to train on, or half of them queries."""
    place = np.arange(len(rows))
    animal = place // FRAMES
    role = np.where((stage == "train") | (place % 2 == 0), "train", "query")
    species = np.where(animal % 2, "one", "other")
    return rows.with_columns(identity=animal.astype(str), species=species, role=role, known=np.zeros(len(rows), bool))


def _nobody(**facts: object) -> None:
    """Nobody is told when a stage of a sample has ended."""
