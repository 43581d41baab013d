"""A report over very many rows: time and peak memory of the processes that write it.

    python measurements/report_load.py [--cells 500000]

The learners are simulated, in a real store; five rates for each of 50 tasks, 10 losses (five of
them evolved) and as many seeds as it takes; filling the store is not measured. Memory is the sum of
the processes' proportional set sizes (Linux), sampled. Prints JSON.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

TASK_COUNT, LOSS_COUNT, RUN_COUNT, RATE_COUNT = 50, 5, 5, 5
SIMULATED = Path(__file__).parents[1] / "tests"
SAMPLE_SECONDS = 0.5
REPORT = """
import sys
from bench.experiment.model import Experiment
from bench.store.store import Store
from reports.page.drawing import default_drawing_processes
from reports.benchmark.report import write_report

url, described, folder = sys.argv[1:]
report = write_report(
    Store(url, create=False),
    Experiment.model_validate_json(described),
    folder,
    workers=default_drawing_processes(),
)
print(len(report.data.configurations), len(report.data.rows))
assert "torch" not in sys.modules
"""


def measure(count: int) -> dict[str, float]:
    """Fill a store and write its report in a process of its own."""
    sys.path.insert(0, str(SIMULATED))
    from test_reports.simulated import large

    seeds = max(count // (RATE_COUNT * TASK_COUNT * (LOSS_COUNT + RUN_COUNT)), 1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "mln.db"
        store, described = large(
            place, tasks=TASK_COUNT, losses=LOSS_COUNT, runs=RUN_COUNT, seeds=seeds
        )
        store.close()
        arguments = [store.url, described.model_dump_json(), str(Path(folder) / "report")]
        began = time.perf_counter()
        command = [sys.executable, "-c", REPORT, *arguments]
        peak = 0
        with psutil.Popen(command, stdout=subprocess.PIPE) as writer:
            while writer.poll() is None:
                peak = max(peak, _memory(writer))
                time.sleep(SAMPLE_SECONDS)
            counts = writer.stdout.read().split()
        wall = time.perf_counter() - began
        if writer.returncode:
            sys.exit(f"the report ended with code {writer.returncode}")
        written = sum(file.stat().st_size for file in Path(arguments[2]).rglob("*.html"))
    return {
        "cells": int(counts[0]),
        "rows": int(counts[1]),
        "wall_seconds": round(wall, 1),
        "peak_mib": round(peak / 2**20),
        "page_mib": round(written / 2**20, 1),
    }


def _memory(writer: psutil.Process) -> int:
    """Bytes of a process and all below it; pages that they share count once."""
    total = 0
    for process in (writer, *writer.children(recursive=True)):
        with suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=500_000)
    print(json.dumps(measure(parser.parse_args().cells)))


if __name__ == "__main__":
    main()
