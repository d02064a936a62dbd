"""What the driver costs a cell: many trivial cells through each executor, against the bare engines.

    python benchmarks/scheduling.py                         local processes and Ray
    SLURM_CONF=... python benchmarks/scheduling.py slurm    a SLURM such as tests/slurm.py starts

A trivial cell is a task whose worker only writes down that it has ended (no harness is imported by it), so what is
measured is the driver, its files, the engine, and one process a job.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness.executors.base import Needs, Work
from harness.executors.chosen import chosen
from harness.jobs.driver import PACK, Driver, Start
from harness.jobs.files import Asked, RunFiles
from harness.jobs.tasks import Node, Task

WORKER = """
import json, os, pathlib, sys
path = pathlib.Path(sys.argv[1]); job = json.loads(path.read_text())
out = path.parents[1] / "outcomes" / path.name
own = out.with_suffix(".tmp")
own.write_text(json.dumps([{"task": t["name"], "kind": "ok"} for t in job["tasks"]])); own.replace(out)
"""
ENGINES = {"local": "local[processes=2]", "ray": "ray", "slurm": "slurm[jobs=2,array=10000]"}


def through_the_driver(engine: str, cells: int, folder: Path) -> tuple[float, int]:
    """Seconds and jobs of so many trivial cells, of which every tenth is a training that nine wait for."""
    worker = folder / "worker.py"
    worker.write_text(WORKER)
    files = RunFiles(folder / f"run-{engine}-{cells}")
    files.make()
    nodes: dict[str, Node] = {}
    for i in range(cells):
        first = i - i % 10
        name = f"score-{i}"
        needs = frozenset() if i == first else frozenset([f"score-{first}"])
        nodes[name] = Node(Task(name=name, stage="score", cell=str(i)), needs)
    picked = chosen(ENGINES[engine])
    executor = picked.build(files.root / "submitit")
    began = time.perf_counter()
    asked = Asked(grid={}, store="none", cwd=str(folder))
    driver = Driver(nodes, files, asked, picked, executor, Start((sys.executable, "-S", str(worker))))
    ended = sum(1 for _ in driver.run())
    assert ended == cells
    return time.perf_counter() - began, len(list((files.root / "jobs").glob("*.json")))


def bare(engine: str, jobs: int, folder: Path) -> float:
    """Seconds of so many jobs that do nothing, handed to the engine at once without the driver."""
    command = (sys.executable, "-S", "-c", "pass")
    began = time.perf_counter()
    if engine == "local":
        running: list[subprocess.Popen[bytes]] = []
        for _ in range(jobs):
            while len(running) >= 2:
                running.pop(0).wait()
            running.append(subprocess.Popen(command))
        for process in running:
            process.wait()
    elif engine == "ray":
        import ray

        run = ray.remote(subprocess.run)
        ray.get([run.options(num_cpus=1).remote(command) for _ in range(jobs)])
    else:
        executor = chosen(ENGINES[engine]).build(folder / f"bare-{jobs}")
        works = [Work(f"b{i}", "score", command, {}, folder / "log", Needs()) for i in range(jobs)]
        handles = executor.submit(works)
        while executor.finished(handles) != set(handles):
            time.sleep(0.5)
    return time.perf_counter() - began


def measured(engine: str, sizes: list[int], folder: Path, say: Callable[[str], None]) -> dict[str, object]:
    rows = []
    for cells in sizes:
        seconds, jobs = through_the_driver(engine, cells, folder)
        alone = bare(engine, jobs, folder)
        rows.append({"cells": cells, "jobs": jobs, "seconds": seconds, "bare_seconds": alone})
        each, over = 1000 * seconds / cells, 1000 * (seconds - alone) / cells
        told = f"{seconds:.1f} s, {each:.2f} ms a cell; bare {alone:.1f} s, driver {over:.2f} ms a cell"
        say(f"{engine}: {cells} cells in {jobs} jobs, {told}")
    return {"engine": engine, "pack": PACK["score"], "rows": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", default=["local", "ray"], help="local, ray, slurm")
    parser.add_argument("--cells", type=int, nargs="+", default=[100, 1000, 10000])
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="scheduling-"))
    try:
        found = [
            measured(engine, options.cells, folder, lambda text: print(text, file=sys.stderr))
            for engine in options.engines
        ]
        print(json.dumps(found, indent=1))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
