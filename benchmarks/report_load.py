"""A report over very many rows: processor time and peak memory of the process that writes it.

    python benchmarks/report_load.py [--rows 100000]

The rows are simulated, in a real store; two rates for each of 50 tasks, 10 losses (five of them
evolved) and as many seeds as it takes. Prints JSON.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TASKS, LOSSES, RUNS = 50, 5, 5
SIMULATED = Path(__file__).parents[1] / "tests"
REPORT = """
import resource, sys
from bench.experiment import Experiment
from bench.store import Store
from reports.render import write_report

url, described, folder = sys.argv[1:]
report = write_report(
    Store(url, create=False), Experiment.model_validate_json(described), folder
)
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, len(report.data.rows))
assert "torch" not in sys.modules
"""


def measure(count: int) -> dict[str, float]:
    """Fill a store and write its report in a process of its own."""
    sys.path.insert(0, str(SIMULATED))
    from test_reports.simulated import large

    seeds = max(count // (2 * TASKS * (LOSSES + RUNS)), 1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "mln.db"
        store, described = large(place, tasks=TASKS, losses=LOSSES, runs=RUNS, seeds=seeds)
        store.close()
        arguments = [store.url, described.model_dump_json(), str(Path(folder) / "report")]
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", REPORT, *arguments], check=True, capture_output=True, text=True
        )
        wall = time.perf_counter() - began
        written = sum(file.stat().st_size for file in Path(arguments[2]).rglob("*.html"))
    cpu, peak, rows = map(float, done.stdout.split())
    return {
        "rows": int(rows),
        "cpu_seconds": round(cpu, 1),
        "wall_seconds": round(wall, 1),
        "peak_mib": round(peak),
        "page_mib": round(written / 2**20, 1),
    }


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    print(json.dumps(measure(parser.parse_args().rows)))


if __name__ == "__main__":
    main()
