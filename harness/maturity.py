"""How far a plugin has come: whether it passes the conformance kit, and its reference figures. Light to read.

What the project knows of its own plugins ships as ``harness/maturity.json``; what the kit found on this machine lies in
the store, a file each plugin, under the hash of its code: an edited plugin has not been checked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from pydantic import Field

from harness.choice import Entry
from harness.disk import explained, write_atomically
from harness.errors import DataError, HarnessError
from harness.fingerprint import code_hash
from harness.record import Frozen, Metric, RunRecord
from harness.refs import parse

SHIPPED = Path(__file__).with_name("maturity.json")
HEAD = 12
"""Letters of a hash that are enough to know it by."""


class Kit(Frozen):
    """What the conformance kit found: the versions of plugin and harness, and how many tests ended how."""

    version: str
    harness: str
    passed: int = Field(ge=0)
    failed: int = Field(ge=0)
    skipped: int = Field(ge=0, description="tests that do not apply, or expected failures")
    built: bool = Field(description="false: weights or files were not at hand, and the declaration alone was tested")


class Figure(Frozen):
    """The best R-1 of a plugin under one protocol; rows are comparable only where ``protocol_hash`` is equal."""

    r1: Metric
    dataset: str
    protocol: str
    protocol_hash: str
    recipe: str = Field(description="the row: backbone, loss, matcher, fusion and rule")
    version: str = Field(description="of the plugin")


class Standing(Frozen):
    """What is known of one plugin; ``figures`` are in falling order of R-1."""

    kit: Kit | None = None
    figures: tuple[Figure, ...] = ()


Standings = Mapping[str, Standing]
"""By ``kind/name``."""


@lru_cache(maxsize=8)
def shipped(path: Path = SHIPPED) -> Standings:
    """What the project knows of its own plugins; nothing where the file is missing.

    Raises:
        DataError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return {name: Standing.model_validate(standing) for name, standing in raw.items()}
    except (ValueError, AttributeError) as error:  # pydantic's and json's errors are ValueErrors
        raise DataError(f"{path} cannot be read ({error})", "Install the harness again.") from error


def save(standings: Standings, path: Path = SHIPPED) -> None:
    """Replace the file of the project's own plugins, sorted.

    Raises:
        StoreError: it cannot be written.
    """
    ordered = {name: standings[name].model_dump(mode="json") for name in sorted(standings)}
    with explained(path, "file", "--record"):
        write_atomically(path, f"{json.dumps(ordered, indent=1, ensure_ascii=False)}\n".encode())
    shipped.cache_clear()


def remember(kind: str, name: str, code: str, kit: Kit, store: Path) -> None:
    """Keep what the kit found on this machine. The file is replaced whole, so two processes cannot mix.

    Raises:
        StoreError: the store cannot be written.
    """
    path = _place(kind, name, code, store)
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, kit.model_dump_json().encode())


def standing(entry: Entry, store: Path | None = None) -> Standing:
    """What is known of a plugin in its present version.

    Args:
        store: what the kit found on this machine is kept here. It comes before what ships for the project's own, unless
            the plugin could not be built here: that says nothing of it.
    """
    ours = shipped() if entry.source.startswith("in-tree") else {}
    known = ours.get(f"{entry.spec.kind}/{entry.spec.name}", Standing())
    here = _remembered(entry, store) if store else None
    kit = here if here and (here.built or here.failed or not known.kit) else known.kit
    current = tuple(figure for figure in known.figures if figure.version == entry.spec.version)
    return Standing(kit=kit if kit and kit.version == entry.spec.version else None, figures=current)


def figures(records: Iterable[RunRecord], versions: Mapping[str, str]) -> dict[str, tuple[Figure, ...]]:
    """The figures of each plugin (``kind/name``): its best row under each protocol, best first.

    Args:
        records: rows of the results; rows that are not ok, and rows to compare with (chance), are passed over.
        versions: ``kind/name`` -> version of the plugins that are asked for; rows of another version do not count.
    """
    best: dict[str, dict[str, Figure]] = {}
    for record in sorted(records, key=lambda record: (-_r1(record), record.cell)):
        if record.kind == "cell" and record.status == "ok" and _r1(record) >= 0:
            for name, version in _taking_part(record, versions).items():
                if versions.get(name) == version:
                    best.setdefault(name, {}).setdefault(record.protocol_hash, _figure(record, version))
    return {name: tuple(found.values()) for name, found in best.items()}


def _r1(record: RunRecord) -> float:
    """The R-1 of a row, -1 where it has none."""
    metric = record.metrics.get("R-1")
    return -1.0 if metric is None or metric.value is None else metric.value


def _taking_part(record: RunRecord, versions: Mapping[str, str]) -> dict[str, str]:
    """The plugins of a row with their versions. A row does not hold the version of its data set: the hash of its
    protocol stands for the data, so the present version is taken."""
    plugins = {f"{kind}/{facts['name']}": str(facts["version"]) for kind, facts in record.plugins.items()}
    try:
        name = f"dataset/{parse(record.dataset).name}"
    except HarnessError:  # the label of a data set may be the title of a folder
        return plugins
    return {**plugins, name: versions.get(name, "")}


def _figure(record: RunRecord, version: str) -> Figure:
    axes = (record.backbone, record.loss, record.matcher, record.fusion, record.openset)
    return Figure(
        r1=record.metrics["R-1"],
        dataset=record.dataset,
        protocol=record.protocol,
        protocol_hash=record.protocol_hash[:HEAD],
        recipe=" / ".join(axes),
        version=version,
    )


def _remembered(entry: Entry, store: Path) -> Kit | None:
    """What was found here for the code as it is; a file that cannot be read counts as none."""
    kind, name = entry.spec.kind, entry.spec.name
    if not any((store / "kit").glob(f"{kind}-{name}-*.json")):
        return None  # the code of most plugins need not be hashed, which keeps the list quick
    try:
        code = code_hash(entry.module or entry.spec.build.__module__)
        kit = Kit.model_validate_json(_place(kind, name, code, store).read_bytes())
    except (OSError, ValueError, HarnessError):
        return None
    return kit


def _place(kind: str, name: str, code: str, store: Path) -> Path:
    return store / "kit" / f"{kind}-{name}-{code[:HEAD]}.json"
