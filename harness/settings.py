"""Settings from plain values, with faults that name the setting and its neighbours."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from harness.config import Config
from harness.errors import GridError

C = TypeVar("C", bound=Config)


def validated(model: type[C], settings: Any, where: str) -> C:
    """Make settings of a model from plain values.

    Raises:
        GridError: names ``where``, the setting, the value and what is wrong; an unknown setting with its neighbours.
    """
    if not isinstance(settings, Mapping):
        raise GridError(f"{where} is {settings!r}, not a table", "Write it with setting = value lines.")
    try:
        return model(**settings)
    except ValidationError as error:
        faults = "; ".join(_fault(item, model) for item in error.errors())
        raise GridError(f"{where}: {faults}", "Mend the setting.") from None


def _fault(item: Any, model: type[Config]) -> str:
    setting, message = ".".join(str(part) for part in item["loc"]), item["msg"].removeprefix("Value error, ")
    if not setting:
        return str(message)
    if item["type"] == "missing":
        return f"{setting!r} must be given"
    if item["type"] != "extra_forbidden":
        return f"{setting} = {item.get('input')!r}: {message}"
    near = difflib.get_close_matches(setting, model.model_fields, n=1)
    known = ", ".join(model.model_fields) or "none"
    return f"no setting {setting!r} (did you mean {near[0]!r}?)" if near else f"no setting {setting!r}; it has: {known}"
