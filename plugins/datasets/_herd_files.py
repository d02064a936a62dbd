"""The herd on disk: drawn by processes into a hidden sibling folder, then renamed, so that half is never seen."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import shutil
import threading
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness import DataError
from harness.device import cores

from ._herd_camera import take
from ._herd_coats import PATTERNS, Dice, paint
from ._herd_fields import generator
from ._herd_plan import Shot, plan
from ._herd_png import png

if TYPE_CHECKING:
    from .synthetic_herd import HerdConfig

METADATA, SETTINGS = "metadata.csv", "herd.json"
SIDES = ("left", "right")


def draw(config: HerdConfig, folder: Path) -> None:
    """Draw the herd into ``folder`` unless it is there. Safe for two processes at once, and after a kill.

    Raises:
        DataError: the folder holds something else, or a drawing process died.
    """
    from filelock import FileLock

    if is_drawn(config, folder):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{folder.name}.lock"):
        if is_drawn(config, folder):
            return
        if folder.exists() and any(folder.iterdir()):
            raise DataError(f"{folder} holds something that is not this herd", "Name another folder, or empty it.")
        partial = folder.parent / f".{folder.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        try:
            _draw_into(config, partial)
            _move(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def is_drawn(config: HerdConfig, folder: Path) -> bool:
    """Whether ``folder`` holds a whole herd of these settings.

    Raises:
        DataError: it holds a herd of other settings.
    """
    try:
        found = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except ValueError as error:
        raise DataError(
            f"{folder / SETTINGS} is damaged: {error}", "Remove the folder and prepare it again."
        ) from error
    if found != _settings(config):
        raise DataError(
            f"{folder} holds a synthetic herd of other settings", "Name another folder, or remove this one."
        )
    return (folder / METADATA).is_file()


def read_rows(config: HerdConfig, folder: Path) -> list[dict[str, str]]:
    """The rows of the herd's metadata.

    Raises:
        DataError: the herd is not drawn, or a row lacks a column.
    """
    if not is_drawn(config, folder):
        raise DataError(f"the synthetic herd is not in {folder}", "Draw it first: harness data prepare synthetic-herd.")
    with (folder / METADATA).open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise DataError(
                f"{folder / METADATA}, line {number}: wrong number of columns",
                "Remove the folder and prepare it again.",
            )
    return rows


def _settings(config: HerdConfig) -> dict[str, object]:
    return config.model_dump(mode="json", exclude={"workers"})


def _draw_into(config: HerdConfig, folder: Path) -> None:
    herd = plan(config)
    workers = min(config.workers or cores(), len(herd))
    if workers == 1:
        for shots in herd:
            draw_individual(config, shots, folder)
    else:
        _draw_in_pool(config, herd, folder, workers)
    rows = [shot.row() for shots in herd for shot in shots]
    with (folder / METADATA).open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        handle.flush()
        os.fsync(handle.fileno())
    with (folder / SETTINGS).open("w", encoding="utf-8") as handle:
        json.dump(_settings(config), handle, indent=1, sort_keys=True)
        handle.flush()
        os.fsync(handle.fileno())


def _draw_in_pool(config: HerdConfig, herd: list[list[Shot]], folder: Path, workers: int) -> None:
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_leave_with_parent)
    try:
        jobs: list[Future[None]] = [pool.submit(draw_individual, config, shots, folder) for shots in herd]
        wait(jobs, return_when="FIRST_EXCEPTION")
        for job in jobs:
            if job.done():
                job.result()
    except BrokenProcessPool as error:
        raise DataError(
            "a process that draws the herd died",
            "Draw with workers=1 to see why; a script that draws needs `if __name__ == '__main__':` for more workers.",
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_with_parent() -> None:
    """End this worker as soon as its parent is gone: one that was killed cannot say goodbye."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def draw_individual(config: HerdConfig, shots: list[Shot], folder: Path) -> None:
    """Paint both flanks of one individual and write all its photographs and masks."""
    coats = coats_of(config, shots)
    for shot in shots:
        picture, mask = take(config, shot, coats[shot.side])
        for path, image in ((folder / shot.path, picture), (folder / shot.mask, mask)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(image))


def coats_of(config: HerdConfig, shots: list[Shot]) -> dict[str, NDArray[np.float64]]:
    """Side -> coat, for the sides on which an individual is photographed."""
    return {side: _coat(config, shots[0], side) for side in sorted({shot.side for shot in shots})}


def _coat(config: HerdConfig, shot: Shot, side: str) -> NDArray[np.float64]:
    flank = SIDES.index(side)
    own = generator(config.seed, 1, shot.key[0], flank)
    kin = generator(config.seed, 6, list(PATTERNS).index(shot.pattern), flank)
    return paint(shot.pattern, Dice(own, kin, config.likeness))


def _move(partial: Path, folder: Path) -> None:
    if folder.exists():
        folder.rmdir()
    partial.rename(folder)
    if os.name == "posix":
        handle = os.open(folder.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
