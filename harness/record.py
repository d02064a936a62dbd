"""The run record: one row of the results, one for each cell, whatever its status."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import DataError
from harness.fingerprint import digest_texts
from harness.types import Ranking

SCHEMA = 3
"""Version of the format. Rows of version 1 have no ``kind``, ``views``, ``first_hits`` and ``contamination``, rows of
version 2 no ``ranking`` and ``said_known``."""


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
    said_known: str = Field("", description="whether the open-set rule called each query known, packed")
    ranking: str = Field("", description="digest of the ranked lists of all queries")
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
        if first["loc"] == ("schema_number",) and first["type"] == "less_than_equal":
            problem = f"{where}: a row of schema {first['input']}, and this harness reads up to {SCHEMA}"
            raise DataError(problem, "A newer harness wrote it: upgrade this one.") from None
        field = ".".join(str(part) for part in first["loc"]) or "row"
        raise DataError(
            f"{where}: {field}: {first['msg']}", "Mend the row, or remove it and run the cell again."
        ) from None


def pack_hits(hits: NDArray[np.int64]) -> str:
    """Ranks [q] as text: base64 of zlib of little-endian int16, in the order of the protocol's queries."""
    return _packed(hits.astype("<i2"))


def unpack_hits(text: str) -> NDArray[np.int64]:
    """The ranks [q] that :func:`pack_hits` wrote.

    Raises:
        DataError: the text is damaged.
    """
    return _unpacked(text, "first_hits", "<i2").astype(np.int64)


def pack_flags(flags: NDArray[Any]) -> str:
    """Yes or no for each query [q] as text, in the order of the protocol's queries."""
    return _packed(flags.astype("u1"))


def unpack_flags(text: str) -> NDArray[np.bool_]:
    """The flags [q] that :func:`pack_flags` wrote.

    Raises:
        DataError: the text is damaged.
    """
    return _unpacked(text, "said_known", "u1").astype(np.bool_)


def ranking_digest(ranking: Ranking) -> str:
    """SHA-256 over the query ids and each one's list of gallery ids, in order; no score and no row number is in it."""
    names, place = np.unique(ranking.gallery_ids, return_inverse=True)
    order = np.append(place, -1)[ranking.order]  # the last one stands behind a list that is short
    named = digest_texts([ranking.query_ids.tolist(), names.tolist()])
    return hashlib.sha256(named.encode() + order.astype("<i4").tobytes()).hexdigest()


def _packed(array: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(array.tobytes(), 9)).decode()


def _unpacked(text: str, field: str, kind: str) -> NDArray[Any]:
    try:
        return np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), kind)
    except (ValueError, zlib.error) as error:
        raise DataError(f"a record's {field} cannot be read: {error}", "Run the cell again.") from None
