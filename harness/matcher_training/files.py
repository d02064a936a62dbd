"""A file of trained weights, with where they came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.disk import explained, write_atomically
from harness.errors import CellFailed


def saved(weights: Mapping[str, Any], provenance: Mapping[str, Any]) -> bytes:
    """A safetensors file of half-precision weights, its provenance as JSON in the header."""
    from safetensors.numpy import save

    arrays = {
        name: np.ascontiguousarray(array, np.float16 if array.dtype.kind == "f" else array.dtype)
        for name, array in weights.items()
    }
    return save(arrays, {"provenance": json.dumps(provenance, ensure_ascii=True)} if provenance else None)


def write(file: Path, content: bytes) -> None:
    """Put a file in its place at once.

    Raises:
        CellFailed: its folder does not exist; StoreError: it cannot be written.
    """
    if not file.parent.is_dir():
        raise CellFailed(f"there is no folder {file.parent} for {file.name}", "Make it first, or name another --out.")
    with explained(file, "file", "--out"):
        write_atomically(file, content)
