"""Benchmarks run beside each other in one process; read the ratios, not the seconds: machines are shared and noisy.

A JSON file of a run (``--benchmark-json FILE``) holds for each benchmark its ratio to the fastest of its group and
nothing that names the machine's owner.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

KEPT = ("min", "median", "max", "rounds")


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Keep what decides speed, and leave out the machine's name."""
    cpu = machine_info["cpu"]
    told = {"cpu": cpu.get("brand_raw"), "cores": cpu.get("count"), "python": machine_info["python_version"]}
    machine_info.clear()
    machine_info.update(told)


def pytest_benchmark_update_json(config: Any, benchmarks: Any, output_json: dict[str, Any]) -> None:
    """Keep the few figures that are read, and add the ratios."""
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for found in output_json["benchmarks"]:
        groups[found["group"] or ""].append(found)
    output_json["benchmarks"] = [
        {
            "group": name,
            "name": found["name"],
            "seconds": {key: found["stats"][key] for key in KEPT},
            "times the fastest": round(found["stats"]["min"] / min(f["stats"]["min"] for f in group), 3),
            "extra": found["extra_info"],
        }
        for name, group in groups.items()
        for found in group
    ]
    output_json["commit_info"] = {key: output_json["commit_info"].get(key) for key in ("id", "dirty")}
