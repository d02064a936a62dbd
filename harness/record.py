"""The run record: one row of the results, one for each cell, whatever its status."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import DataError

SCHEMA = 2
"""Version of the format. Rows of version 1 have no ``kind``, ``views``, ``first_hits`` and ``contamination``."""


class Frozen(BaseModel):
    """Immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Metric(Frozen):
    """A number with its sample: ``value`` and the interval ``low`` to ``high`` are null where ``n`` is 0."""

    value: float | None
    n: int = Field(ge=0)
    low: float | None = None
    high: float | None = None


class RunRecord(Frozen):
    """What is known of one cell. It holds no absolute path and no host name."""

    schema_number: int = Field(SCHEMA, description="version of this format", ge=1, le=SCHEMA)
    kind: Literal["cell", "reference", "imported"] = Field(
        "cell",
        description="a recipe of a grid, a row to compare with (chance, majority), or somebody else's predictions",
    )
    cell: str = Field(description="digest of the recipe: axes with settings, training, seed")
    grid: str
    protocol: str = Field(description="title of the protocol, for people")
    protocol_hash: str = Field(description="rows are comparable only where this is equal")
    protocol_fields: Mapping[str, Any]
    dataset: str
    backbone: str
    loss: str
    matcher: str
    fusion: str
    openset: str
    seed: int
    status: Literal["ok", "skipped", "failed"]
    reason: str = ""
    metrics: Mapping[str, Metric] = {}
    views: Mapping[str, Mapping[str, Metric]] = Field(
        {}, description="ranking metrics under other policies, and of parts"
    )
    counts: Mapping[str, int] = {}
    first_hits: str = Field("", description="rank of the first right image of each query, packed; 0: not in the list")
    contamination: str = Field("", description="data sets that the backbone's weights have seen, or unknown")
    seconds: Mapping[str, float] = Field({}, description="what each stage cost when it was computed")
    cached: Mapping[str, bool] = Field({}, description="whether the stage was found in the store")
    settings: Mapping[str, Any] = Field({}, description="all settings of each plugin, defaults written out")
    plugins: Mapping[str, Any] = Field({}, description="version and code hash of each plugin")
    train: Mapping[str, Any] = {}
    history: tuple[Mapping[str, float], ...] = Field((), description="loss and validation R-1 of each epoch")
    environment: Mapping[str, str] = {}
    git: str = ""


def parse_record(line: str | bytes, where: str) -> RunRecord:
    """Read one JSON line.

    Raises:
        DataError: names ``where`` and what is wrong with the row.
    """
    try:
        return RunRecord.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "row"
        raise DataError(
            f"{where}: {field}: {first['msg']}", "Mend the row, or remove it and run the cell again."
        ) from None


def pack_hits(hits: NDArray[np.int64]) -> str:
    """Ranks [q] as text: base64 of zlib of little-endian int16, in the order of the protocol's queries."""
    return base64.b64encode(zlib.compress(hits.astype("<i2").tobytes(), 9)).decode()


def unpack_hits(text: str) -> NDArray[np.int64]:
    """The ranks [q] that :func:`pack_hits` wrote.

    Raises:
        DataError: the text is damaged.
    """
    try:
        return np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), "<i2").astype(np.int64)
    except (ValueError, zlib.error) as error:
        raise DataError(f"a record's first_hits cannot be read: {error}", "Run the cell again.") from None
