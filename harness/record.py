"""The run record: one row of the results, one for each cell, whatever its status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import DataError

SCHEMA = 1


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
    counts: Mapping[str, int] = {}
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
