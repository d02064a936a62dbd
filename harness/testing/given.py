"""What a plugin gives, held against what its contract promises, in words that say what to change."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import fields, is_dataclass
from io import StringIO
from typing import Any

import numpy as np

NOT_ARRAYS = (list, tuple)
"""What is easily given for an array."""


def a(value: Any) -> str:
    """The type of a value with its article: "a list", "an int"."""
    name = "None" if value is None else type(value).__name__
    return name if value is None else f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def listed(found: Any, wanted: type, count: int, call: str, each: str) -> list[Any]:
    """What ``call`` gave, which must be a list of ``count`` objects of the type ``wanted``, one for ``each``."""
    name = "numpy array" if wanted is np.ndarray else f"harness.{wanted.__name__}"
    hint = ": use return, not yield" if isinstance(found, Iterator) else ""
    assert isinstance(found, list), f"{call} must give a list with a {name} for each {each}, it gives {a(found)}{hint}"
    for number, one in enumerate(found):
        assert isinstance(one, wanted), f"{call} must give a {name} for each {each}; {each} {number} is {a(one)}"
    assert len(found) == count, f"{call} must give a {name} for each {each}; it gives {len(found)} for {count}"
    return found


def array(value: Any, name: str, dtype: type[np.generic] | None = None) -> None:
    """It must be a numpy array, of that dtype where one is named."""
    assert isinstance(value, np.ndarray), f"{name} must be a numpy array, is {a(value)}"
    wanted = value.dtype if dtype is None else np.dtype(dtype)
    assert value.dtype == wanted, f"{name} must be {wanted}, is {value.dtype}: use .astype('{wanted}')"


def lacking(made: Any, protocol: type) -> list[str]:
    """The members of a protocol that an object does not have: ``match()``."""
    named = {**vars(protocol), **getattr(protocol, "__annotations__", {})}
    return [
        f"{name}()" if callable(member) and not isinstance(member, type) else name
        for name, member in named.items()
        if not name.startswith("_") and not hasattr(made, name)
    ]


@contextmanager
def no_lists() -> Iterator[None]:
    """Where a harness object cannot be made since it is handed a list for an array, say that instead."""
    try:
        yield
    except (AttributeError, TypeError) as error:
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        made = trace.tb_frame.f_locals.get("self") if trace else None
        if is_dataclass(made) and type(made).__module__.startswith("harness."):
            for name in (field.name for field in fields(made) if field.name != "size"):
                value = getattr(made, name)
                assert not isinstance(value, NOT_ARRAYS), f"{name} must be a numpy array, is {a(value)}"
        raise


def printed(action: Callable[[], Any]) -> str:
    """What is written to stdout while something is done: by Python, by C code, or by a process of its own."""
    sys.stdout.flush()
    kept, told = os.dup(1), StringIO()
    with tempfile.TemporaryFile() as below:
        os.dup2(below.fileno(), 1)
        try:
            with redirect_stdout(told):
                action()
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        below.seek(0)
        return told.getvalue() + below.read().decode(errors="replace")
