"""Hooks of mkdocs: all command pages stand in the navigation; what a page says to tests and writers is left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

COMMENT = re.compile(r"^<!-- .*? -->\n", re.MULTILINE)
"""A line that is a comment: for the tests (``run``, ``skip``), or for who would edit what is generated."""


def on_config(config: Any) -> Any:
    """Fill the section "Commands" of the navigation, so that a new command needs no edit of mkdocs.yml."""
    pages = sorted(path.name for path in (Path(config["docs_dir"]) / "cli").glob("*.md"))
    for section in config["nav"]:
        if "Commands" in section:
            section["Commands"] = ["cli/index.md", *(f"cli/{name}" for name in pages if name != "index.md")]
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page as readers get it."""
    return COMMENT.sub("", markdown)
