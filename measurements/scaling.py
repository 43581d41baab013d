"""What scheduling costs: simulated cells on 64 Dask workers, and a real grid on 1 and 2 processes.

    python measurements/scaling.py simulated [--workers 64] [--cells 10000] [--seconds 1.0]
    python measurements/scaling.py real [--seeds 20] [--steps 500]

A simulated cell sleeps; all else is real: the scheduler, the client, the pickled jobs, results
that stream into a store. The 64 workers are threads of one process with the scheduler and the
client, which is harder than on many machines, where each has a processor of its own. Prints JSON.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import dask
from distributed import LocalCluster

from bench.experiment.model import load
from bench.running.runner import Runner
from bench.store.schema import cells
from bench.store.store import Store
from bench.workers.dask_pool import DaskPool
from bench.workers.pool import WorkerPool
from bench.workers.progress import Silent

ONE_PROCESS = {
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.admin.tick.interval": "1s",
    "distributed.worker.profile.enabled": False,
}
"""What each worker does all the time (50 ticks a second, a look at /proc twice a second) costs
its own machine little; 64 of them in one process would keep a quarter of a processor busy."""

ROWS_PER_TRANSACTION = 20
"""As a job of 20 seeds stores them."""


def sleep(seconds: float) -> float:
    """A simulated cell."""
    time.sleep(seconds)
    return seconds


def stored(number: int) -> dict[str, Any]:
    """A row as large as a real cell's."""
    curve = {"step": list(range(20)), "accuracy": [0.5] * 20, "nll": [0.5] * 20}
    return {
        "key": f"{number:064x}",
        "unit": "simulated",
        "task": "simulated",
        "learner": "none",
        "loss": "none",
        "seed": number,
        "lr": 0.01,
        "parameter": None,
        "status": "done",
        "detail": "",
        "inner": {"accuracy": 0.5},
        "metrics": {"accuracy": 0.5},
        "curve": curve,
        "provenance": {"seconds": 1.0},
    }


def simulated(workers: int, count: int, seconds: float) -> dict[str, float]:
    """Run `count` sleeping cells and store a row for each."""
    with (
        dask.config.set(ONE_PROCESS),
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=False,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as cluster,
        DaskPool(cluster.scheduler_address) as pool,
    ):
        store = Store(f"sqlite:///{folder}/mln.db")
        list(pool.run(sleep, [0.0] * workers))  # every worker has torch and the code
        started, busy = time.perf_counter(), time.process_time()
        rows = []
        for number, finished in enumerate(pool.run(sleep, [seconds] * count), start=1):
            if finished.error is not None:
                raise finished.error
            rows.append(stored(number))
            if len(rows) == ROWS_PER_TRANSACTION or number == count:
                store.put(cells, rows)
                rows = []
        wall = time.perf_counter() - started
        return {
            "workers": workers,
            "cells": count,
            "seconds_per_cell": seconds,
            "wall_seconds": round(wall, 1),
            "efficiency": round(count * seconds / (workers * wall), 3),
            "cpu_ms_per_cell": round((time.process_time() - busy) / count * 1e3, 2),
            "stored": len(
                store.existing(cells, [f"{number:064x}" for number in range(1, count + 1)])
            ),
        }


def real(seeds: int, steps: int) -> list[dict[str, float]]:
    """The shipped grid `run`, without its evolution, on one process and on two."""
    overrides = [f"benchmark.seeds={seeds}", f"benchmark.training.steps={steps}"]
    experiment = load("quickstart", [*overrides, "benchmark.evolved=false"])
    rows = []
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder, WorkerPool(workers) as pool:
            store = Store(f"sqlite:///{folder}/mln.db")
            list(pool.run(sleep, [0.5] * workers))
            started = time.perf_counter()
            result = Runner(experiment, store, Path(folder), pool, Silent()).run()
            wall = time.perf_counter() - started
            rate = {"cells_per_second": round(result.done / wall, 1)}
            rows.append({"processes": workers, "cells": result.done, "seconds": round(wall, 1)})
            rows[-1] |= rate
    return rows


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("simulated", "real"))
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=500)
    chosen = parser.parse_args()
    if chosen.what == "simulated":
        print(json.dumps(simulated(chosen.workers, chosen.cells, chosen.seconds)))
    else:
        print(json.dumps(real(chosen.seeds, chosen.steps)))


if __name__ == "__main__":
    main()
