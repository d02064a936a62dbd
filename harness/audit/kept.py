"""Background audits that are kept in the results folder, one file each, for the report."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.audit.background import Background
from harness.disk import explained, write_atomically
from harness.errors import DataError
from harness.fingerprint import digest

SCHEMA = 1
FOLDER = "audits"


def keep(results: Path, found: Background) -> Path:
    """Write an audit into ``results/audits``; one of the same systems with the same settings takes its place.

    Raises:
        StoreError: the folder cannot be written.
    """
    systems = [found.embedding.name, *(looked.name for looked in found.matchers), *found.skipped]
    head = digest([systems, found.masks, dict(found.settings)])[:8]
    path = results / FOLDER / f"background-{found.protocol_hash[:12]}-{head}.json"
    content = json.dumps({"schema_number": SCHEMA, **found.as_json()}, indent=1, allow_nan=False)
    with explained(path, "results folder", "--results"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content.encode())
    return path


def kept(results: Path, protocol_hash: str) -> list[Background]:
    """All audits of a protocol, by file name.

    Raises:
        DataError: a file that is no such audit; names it.
    """
    found = []
    for path in sorted((results / FOLDER).glob(f"background-{protocol_hash[:12]}-*.json")):
        try:
            plain = json.loads(path.read_bytes())
            number = plain.pop("schema_number")
            if number != SCHEMA:
                raise ValueError(f"it is of schema {number}, and this harness reads {SCHEMA}")
            audit = TypeAdapter(Background).validate_python(plain)
        except (OSError, ValidationError, ValueError, LookupError, AttributeError, TypeError) as error:
            reason = str(error).splitlines()[0]
            advice = "Remove it, and run harness audit background again."
            raise DataError(f"{path.name} is no background audit: {reason}", advice) from None
        if audit.protocol_hash == protocol_hash:
            found.append(audit)
    return found
