"""``harness plan``: what a run would do, and how long that takes on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from harness.cli.common import console, json_option, open_store, out, print_json
from harness.cli.options import chosen_grid, grid_options

if TYPE_CHECKING:
    from harness.expected import Guess
    from harness.keys import Keys
    from harness.plan import Plan
    from harness.progress import Bars
    from harness.store import Store


@click.command(
    epilog="""\b
Examples:
  harness plan --grid demo
  harness plan --grid my-grid.toml --calibrate
  harness plan --grid my-grid.toml --json"""
)
@grid_options
@click.option("--calibrate", is_flag=True, help="First time a short sample of what was never measured here.")
@json_option
def plan(calibrate: bool, as_json: bool, **chosen: Any) -> None:
    """Show what a run would do: cells, stages, what is cached, pairs to match, bytes and time."""
    from harness.cli.plan_view import show
    from harness.data import load
    from harness.keys import Keys
    from harness.plan import Planner
    from harness.progress import Bars
    from harness.weights import compute_device

    grid, _ = chosen_grid(chosen)
    store = open_store(chosen["store"])
    failed: dict[Guess, str] = {}
    with Bars(console()) as bars:
        data = load(grid.dataset, grid.protocol, store, bars)
        keys = Keys(data, compute_device())
        planned = Planner(grid, keys, store).plan()
        if calibrate:
            failed = _calibrated(planned, keys, store, bars)
            planned = Planner(grid, keys, store).plan()
    if as_json:
        told = [{"stage": guess.stage, "kind": guess.kind, "reason": reason} for guess, reason in failed.items()]
        head = {"grid": grid.heading.name, "protocol_hash": data.protocol_hash}
        print_json({**head, **planned.as_json(), "calibration_failed": told})
    else:
        show(out(), grid, data, planned, failed)


def _calibrated(planned: Plan, keys: Keys, store: Store, bars: Bars) -> dict[Guess, str]:
    """Measure what the plan only guesses; what failed, with the reason. Ctrl-C keeps what was measured by then."""
    from harness.calibrate import calibrate

    bars.stage("calibrate")
    try:
        return calibrate(planned.expected.unmeasured, keys, store, bars)
    except KeyboardInterrupt:
        console().print("Interrupted. What was measured by now is kept.")
        raise SystemExit(130) from None
