"""Comparisons of photographs through the store: a pair of files is compared once, whatever the protocol that asks."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.audit.photographs import Photograph, candidates, compare_all
from harness.fingerprint import code_hash
from harness.images import read_image
from harness.store import Key
from harness.table import ImageTable
from harness.workbench import Rows, Workbench

CODE = ("harness.audit.photographs", "harness.images")


def compared(
    bench: Workbench,
    query: ImageTable,
    gallery: ImageTable,
    query_scope: NDArray[np.str_],
    gallery_scope: NDArray[np.str_],
) -> dict[tuple[int, int], Photograph]:
    """(query row, gallery row) -> comparison, for all pairs of one individual in one scope; tables with digests."""
    places = candidates(query, gallery, query_scope, gallery_scope)
    ids = [str(query.digest[q]) + str(gallery.digest[g]) for q, g in places]
    if not ids:
        return {}
    files = {**_files(gallery), **_files(query)}
    rows = bench.fill(_key(), ids, lambda missing: _compare(bench, files, missing)).read(ids)
    columns = zip(*(rows[name].tolist() for name in Photograph._fields), strict=True)
    return {place: Photograph(*values) for place, values in zip(places, columns, strict=True)}


def _key() -> Key:
    """What decides a comparison: the code, and the library that finds keypoints and maps."""
    return Key("photograph", {"code": [code_hash(name) for name in CODE], "opencv": version("opencv-python")})


def _files(table: ImageTable) -> dict[str, Path]:
    return {digest: table.root / path for digest, path in zip(table.digest.tolist(), table.path.tolist(), strict=True)}


def _compare(bench: Workbench, files: dict[str, Path], missing: list[str]) -> Rows:
    pairs = [(name[: len(name) // 2], name[len(name) // 2 :]) for name in missing]
    for chunk, photographs in compare_all(pairs, lambda digest: read_image(files[digest]), bench.progress):
        inliers, overlap, correlation = zip(*photographs, strict=True)
        yield (
            [a + b for a, b in chunk],
            {
                "inliers": np.array(inliers, np.int32),
                "overlap": np.array(overlap, np.float64),
                "correlation": np.array(correlation, np.float64),
            },
        )
