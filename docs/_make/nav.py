"""A hook of mkdocs: all command pages stand in the navigation, so that a new command needs no edit of mkdocs.yml."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Fill the section "Commands" of the navigation."""
    pages = sorted(path.name for path in (Path(config["docs_dir"]) / "cli").glob("*.md"))
    for section in config["nav"]:
        if "Commands" in section:
            section["Commands"] = ["cli/index.md", *(f"cli/{name}" for name in pages if name != "index.md")]
    return config
