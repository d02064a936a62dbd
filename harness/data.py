"""Loading a data set under a protocol: prepare it if it can draw itself, digest its files, give every row a role."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

from harness.choice import Choice
from harness.contracts import Dataset, Progress
from harness.digests import with_digests
from harness.fingerprint import digest
from harness.protocol import Data, Protocol, apply
from harness.specs import DatasetSpec
from harness.store import Key, Store


def folder(choice: Choice, store: Store) -> Path:
    """Where ``prepare`` puts this data set, below the store.

    A drawn one goes by everything that decides its pixels; a downloaded one by its name alone, so that neither a filter
    setting nor an edited plugin downloads it again.
    """
    assert isinstance(choice.spec, DatasetSpec)
    if choice.spec.generated:
        return store.root / "datasets" / f"{choice.spec.name}-{digest(choice.identity())[:16]}"
    own = re.sub(r"[^\w.-]", "_", str(getattr(choice.config, "name", "")))
    return store.root / "datasets" / (f"{choice.spec.name}-{own}" if own else choice.spec.name)


def prepare(choice: Choice, store: Store) -> Dataset:
    """Draw or download the files, if they are not there; a second process waits."""
    target = folder(choice, store)
    dataset: Dataset = choice.build(target)
    with store.lock(Key("prepare", choice.identity())):
        dataset.prepare(target)
    return dataset


def load(choice: Choice, protocol: Protocol, store: Store, progress: Progress) -> Data:
    """Read the table, check and digest every image, and apply the protocol.

    Raises:
        DataError: metadata or images that cannot be used; GridError: a protocol that this data set cannot have.
    """
    assert isinstance(choice.spec, DatasetSpec)
    dataset: Dataset = choice.build(folder(choice, store))
    if choice.spec.generated:
        progress.start(1, f"preparing {choice.label}")
        dataset = prepare(choice, store)
        progress.advance()
    table = dataset.table()
    left_out = dict(getattr(dataset, "skipped", {}))
    for reason, culprit in getattr(dataset, "culprits", {}).items():
        warnings.warn(
            f"{choice.label} left out {left_out.get(reason, 0)} ({reason}), the first: {culprit}", stacklevel=2
        )
    table, damaged = with_digests(table, store.root / "files.sqlite", protocol.damaged, progress)
    if damaged:
        left_out["damaged_images"] = damaged
    return apply(protocol, table, choice.label, left_out)
