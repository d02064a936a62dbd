"""The command line: ``harness COMMAND``. Starting it imports no torch; each command imports what it needs."""

from __future__ import annotations

import io
import os
import sys
import warnings
from typing import Any

import click
from rich.markup import escape

from harness import __version__
from harness.cli import (
    audit,
    cache,
    compare,
    data,
    exchange,
    look,
    matcher,
    plan,
    plugins,
    report,
    results,
    run,
    show,
    status,
    sweep,
)
from harness.cli.common import console
from harness.errors import HarnessError

EPILOG = """\b
Examples:
  harness run --grid                      the built-in demo grid
  harness run --grid my-grid.toml         a grid of your own
  harness run --backbone resnet50 --loss arcface --matcher mutual-nn
  harness plan --grid demo --json         what a run would do
  harness sweep                           when does re-ranking help?
  harness leaderboard                     the table of all results
  harness report --open                   pages to look at them
  harness compare gate build/gate/results   as accurate as the accepted run?
"""


class Commands(click.Group):
    """Shows our errors as what is wrong and what to do, without a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and turn failures into exit codes: 1 a failure, 2 wrong usage, 130 interrupted."""
        warnings.showwarning = _show_warning
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
                stream.reconfigure(errors="replace")  # a bar or a foreign name must not end the command
        try:
            return super().main(*args, **kwargs)
        except HarnessError as error:
            console().print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            sys.exit(1)


@click.group(
    cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="harness")
@click.option("--no-color", is_flag=True, help="Plain text (also: environment variable NO_COLOR).")
def main(no_color: bool) -> None:
    """Benchmark of coarse-to-fine re-identification of individual animals.

    A grid of plugins (backbone, loss, matcher, fusion, open-set rule) runs under one protocol; every row of the
    leaderboard can be compared with every other.
    """
    if no_color:
        os.environ["NO_COLOR"] = "1"


def _show_warning(message: Warning | str, *details: Any, **more: Any) -> None:
    console().print(f"[yellow]warning:[/] {escape(str(message))}", highlight=False, soft_wrap=True)


COMMANDS = (
    run.run,
    plan.plan,
    run.collect,
    status.status,
    status.cancel,
    status.run_stage,
    sweep.sweep,
    look.leaderboard,
    report.report,
    show.show,
    compare.compare,
    compare.baseline,
    exchange.import_,
    exchange.export,
    data.data,
    audit.audit,
    matcher.train_matcher,
    matcher.test_matcher,
    plugins.plugins,
    results.results,
    cache.cache,
)
for command in COMMANDS:
    main.add_command(command)
