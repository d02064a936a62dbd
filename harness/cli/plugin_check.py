"""``harness plugins check``: the conformance kit on one plugin or on all, with a table for a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from harness.cli.common import console, json_option, open_registry, out, plugin_option, print_json, store_path

if TYPE_CHECKING:
    from harness.maturity import Kit
    from harness.registry import Registry
    from harness.testing.kit import Report


@click.command(
    epilog="""\b
Examples:
  harness plugins check mutual-nn
  harness plugins check 'mine[threshold=0.9]' --plugin mine.py
  harness plugins check mine --markdown                  for a pull request
  harness plugins check --all --record                   for maintainers: renew harness/maturity.json
Exit codes: 0 passes, 1 a test failed or the plugin cannot be used, 2 wrong usage, 130 interrupted.""",
)
@click.argument("ref", metavar="[REF]", required=False)
@click.option("--kind", help="Where plugins of several kinds have this name.")
@click.option("--all", "every", is_flag=True, help="All in-tree plugins, with settings small enough for seconds.")
@click.option("--markdown", is_flag=True, help="As a table in Markdown, to paste into a pull request.")
@click.option(
    "--record",
    metavar="[FILE]",
    is_flag=False,
    flag_value="shipped",
    help="With --all: keep the outcome in this file [default: the maturity.json that ships with the harness].",
)
@plugin_option
@json_option
def check(
    ref: str | None,
    kind: str | None,
    every: bool,
    markdown: bool,
    record: str | None,
    plugin_files: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run the conformance kit on a plugin: a name, or name[setting=value,...].

    `harness plugins list` remembers the outcome for the code as it is; it needs pytest (pip install
    'reid-harness[testing]').
    """
    if (ref is None) != every or (record and not every) or (kind and every):
        raise click.UsageError("name one plugin, or give --all (with which --kind cannot stand, and --record can).")
    registry = open_registry(plugin_files)
    try:
        reports = _all(registry) if every else [_one(registry, str(ref), kind, plugin_files)]
    except KeyboardInterrupt:
        console().print("Interrupted. Nothing of this check is remembered.")
        raise SystemExit(130) from None
    if record:
        _record(reports, registry, None if record == "shipped" else Path(record))
    _show(reports, registry, markdown, as_json)
    if not all(report.passed for report in reports):
        raise click.exceptions.Exit(1)


def _one(registry: Registry, ref: str, kind: str | None, files: Sequence[str]) -> Report:
    from harness.cli.plugin_facts import find
    from harness.refs import parse
    from harness.testing import CONTRACTS, kit

    entry, messages = find(registry, parse(ref).name, kind), console()
    tests = sum(name.startswith("test_") for name in dir(CONTRACTS[entry.spec.kind]))
    told = f"checking {escape(ref)}: its contract has {tests} tests; this may take a minute"
    if not messages.is_terminal:  # where a status shows nothing
        messages.print(told, highlight=False, soft_wrap=True)
    with messages.status(told):
        report = kit.check(entry.spec.kind, ref, files)
    _remember(report)
    return report


def _all(registry: Registry) -> list[Report]:
    from harness.cli.plugin_page import in_tree
    from harness.cli.plugin_small import lay, small
    from harness.progress import Bars
    from harness.testing import kit

    entries, reports = in_tree(registry), []
    with TemporaryDirectory(prefix="harness-check-") as folder, Bars(console()) as bars:
        lay(Path(folder))
        bars.grid(len(entries))
        for entry in entries:
            report = kit.check(entry.spec.kind, small(entry.spec.kind, entry.spec.name, Path(folder)))
            reports.append(report)
            bars.cell(escape(f"{report.kind} {report.name}: {_outcome(report)}"))
    return reports


BUILDS = "test_builds_on_the_cpu_and_can_do_what_its_kind_must"
"""The test of the kit that is skipped where a plugin cannot be built here."""


def counted(report: Report) -> Kit:
    """How many tests ended how."""
    from harness import __version__
    from harness.maturity import Kit

    statuses = [outcome.status for outcome in report.outcomes]
    passed, failed = statuses.count("passed"), statuses.count("failed")
    counts = {"passed": passed, "failed": failed, "skipped": len(statuses) - passed - failed}
    built = not any(outcome.test == BUILDS and outcome.status == "skipped" for outcome in report.outcomes)
    return Kit(version=report.version, harness=__version__, built=built, **counts)


def _outcome(report: Report) -> str:
    kit = counted(report)
    told = {"passed": kit.passed, "failed": kit.failed, "skipped": kit.skipped}
    return ", ".join(f"{n} {word}" for word, n in told.items() if n)


def _remember(report: Report) -> None:
    """Keep the outcome for ``harness plugins list``; a store that cannot be written spoils no check."""
    from harness import maturity
    from harness.errors import StoreError

    try:
        maturity.remember(report.kind, report.name, report.code, counted(report), store_path(None))
    except StoreError as error:
        console().print(f"[yellow]warning:[/] the outcome is not remembered: {escape(error.problem)}", soft_wrap=True)


def _record(reports: Sequence[Report], registry: Registry, path: Path | None) -> None:
    """Put the outcomes into the file that ships; the figures stay, plugins that are gone leave it."""
    from harness import maturity

    target = path or maturity.SHIPPED
    known = maturity.shipped(target)
    figures = {name: standing.figures for name, standing in known.items()}
    kits = {f"{report.kind}/{report.name}": counted(report) for report in reports}
    maturity.save({n: maturity.Standing(kit=kit, figures=figures.get(n, ())) for n, kit in kits.items()}, target)


def _show(reports: Sequence[Report], registry: Registry, markdown: bool, as_json: bool) -> None:
    from harness.cli import plugin_report

    rows = [plugin_report.facts(r, registry.find(r.kind, r.name).spec.licence, counted(r)) for r in reports]
    if as_json:
        print_json(rows if len(rows) > 1 else rows[0])
    elif markdown:
        click.echo("\n".join(map(plugin_report.markdown, rows)), nl=False)
    elif len(rows) > 1:
        out().print(plugin_report.overview(rows))
    else:
        plugin_report.show(rows[0], out())
