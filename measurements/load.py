"""A store under load: 1,000,000 cells; `status`, what `run` lacks, and 4 processes that insert.

    python measurements/load.py [--cells 1000000] [--storage URL]

The grid and its keys are a real experiment's, its outcomes made up. Prints JSON, times in seconds.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.cells.training import Outcome, TrainingJob
from bench.experiment.model import Experiment
from bench.running.runner import Runner
from bench.running.status import describe
from bench.store.schema import cells
from bench.store.store import Store
from bench.workers.pool import Finished
from bench.workers.progress import Silent

TASK_COUNT, LOSS_NAMES = 50, ("ce", "mse", "mae", "gce", "focal")
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
INSERTERS, ROWS_PER_TRANSACTION = 4, 20
FILLED_CURVE = {name: [0.5] * 20 for name in ("step", "accuracy", "nll")}
FILLED_METRICS = {"inner_accuracy": 0.5, "accuracy": 0.5, "nll": 0.5}


class Instant:
    """A pool that makes outcomes up, and counts them."""

    workers = 1

    def __init__(self) -> None:
        self.made = 0

    def run(
        self,
        _work: Callable[[Any], Any],
        jobs: Sequence[TrainingJob],
        _on_message: Callable[[Any], None] | None = None,
    ) -> Iterator[Finished[Any, Any]]:
        """The same for every learner."""
        for job in jobs:
            self.made += len(job.members)
            yield Finished(job, [_outcome(*key) for key in _keys(job)], None)


def _keys(job: TrainingJob) -> list[tuple[str, int, float]]:
    return [(member.key, member.seed, member.lr) for member in job.members]


def _outcome(key: str, seed: int, lr: float) -> Outcome:
    metrics: dict[str, float | None] = {**FILLED_METRICS}
    curve: dict[str, list[float | None]] = {**FILLED_CURVE}
    return Outcome(key, seed, lr, "done", "", metrics, metrics, curve, 0.1)


def experiment(count: int) -> Experiment:
    """A grid of `count` cells: every loss in all configurations, on every seed."""
    return Experiment.model_validate(
        {
            "name": "load",
            "benchmark": {
                "tasks": [f"moons+noise={k / 100:g}" for k in range(1, TASK_COUNT + 1)],
                "losses": LOSS_NAMES,
                "evolved": False,
                "seeds": max(count // (len(RATES) * TASK_COUNT * len(LOSS_NAMES)), 1),
            },
            "tuning": {"rates": RATES},
        }
    )


def insert(url: str, number: int, count: int) -> None:
    """One of several processes that insert rows at the same time."""
    with closing(Store(url)) as store:
        for start in range(0, count, ROWS_PER_TRANSACTION):
            numbers = range(start, min(start + ROWS_PER_TRANSACTION, count))
            store.put(cells, [row(f"{number}-{k}", k) for k in numbers])


def row(key: str, seed: int) -> dict[str, Any]:
    """A cell of its own."""
    about = {
        "unit": "load",
        "task": "load",
        "learner": "none",
        "loss": "none",
        "parameter": None,
        "lr": 0.01,
    }
    outcome = {"status": "done", "detail": "", "inner": FILLED_METRICS}
    outcome |= {"metrics": FILLED_METRICS, "curve": FILLED_CURVE}
    return about | outcome | {"key": key, "seed": seed, "provenance": {"seconds": 0.1}}


def timed(action: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Seconds on the clock and of this process, and what the action gave."""
    started, busy = time.perf_counter(), time.process_time()
    result = action()
    wall, cpu = time.perf_counter() - started, time.process_time() - busy
    return {"wall": round(wall, 2), "cpu": round(cpu, 2)}, result


def measure(url: str, count: int, folder: Path) -> dict[str, Any]:
    """Fill, look, decide, insert."""
    chosen, result = experiment(count), {}
    with closing(Store(url)) as store:
        filling = Instant()
        runner = Runner(chosen, store, folder, filling, Silent())
        result["fill"], summary = timed(runner.run)
        result["cells"] = summary.done
        result["status"], shown = timed(lambda: describe(chosen, store, folder))
        again = Instant()
        runner = Runner(chosen, store, folder, again, Silent())
        result["decide_what_is_missing"], summary = timed(runner.run)
        result |= {"done": shown["done"], "trained_again": again.made}

    each = max(count // 20, ROWS_PER_TRANSACTION)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=insert, args=(url, k, each)) for k in range(INSERTERS)]

    def together() -> None:
        for process in processes:
            process.start()
        for process in processes:
            process.join()

    seconds, _ = timed(together)
    with closing(Store(url)) as store:
        inserted = len(
            store.existing(cells, [f"{k}-{n}" for k in range(INSERTERS) for n in range(each)])
        )
    result["inserted"] = inserted
    result["errors"] = sum(process.exitcode != 0 for process in processes)
    result["rows_per_second_of_4_processes"] = round(inserted / seconds["wall"])
    return result


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--storage", default="")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = chosen.storage or f"sqlite:///{folder}/mln.db"
        print(json.dumps(measure(url, chosen.cells, Path(folder))))


if __name__ == "__main__":
    main()
