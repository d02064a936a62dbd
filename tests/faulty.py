"""Plugins that a process cannot be handed; apart from others, since such a process need not load torch to fail."""

from __future__ import annotations

import os


class Deadly:
    """Ends the process that it is handed to."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (7,)


class Foreign:
    """Cannot be made in the process that it is handed to."""

    def __reduce__(self) -> tuple[object, ...]:
        return int, ("no number",)
