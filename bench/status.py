"""How far an experiment is."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.evolving import evolution_jobs
from bench.experiment import Experiment
from bench.pool import default_jobs
from bench.store import Store, cells, evolutions, grid


class RunSummary(NamedTuple):
    """Cells of an experiment by status."""

    done: int
    diverged: int
    failed: int
    missing: int

    @property
    def total(self) -> int:
        """All cells of the experiment."""
        return sum(self)


def summary(experiment: Experiment, store: Store) -> RunSummary:
    """How much of an experiment's grid is done."""
    benchmark = experiment.benchmark
    if benchmark is None:
        return RunSummary(0, 0, 0, 0)
    total = 2 * len(benchmark.tasks) * len(experiment.losses()) * benchmark.seeds
    rows = store.rows(grid, fingerprint=experiment.fingerprint())
    found = store.rows_of(cells, [row["cell"] for row in rows])
    count = Counter(found[row["cell"]]["status"] for row in rows if row["cell"] in found)
    present = count["done"], count["diverged"], count["failed"]
    return RunSummary(*present, total - sum(present))


def describe(experiment: Experiment, store: Store, artifacts: Path) -> dict[str, Any]:
    """Evolutions and cells by state, and the time that the missing cells will take.

    The estimate is the mean time of this experiment's finished cells on as many workers as
    there are processors; it is None before any cell is done.
    """
    jobs = evolution_jobs(experiment, artifacts)
    evolved = store.existing(evolutions, [job.key for job in jobs])
    found = summary(experiment, store)
    keys = [row["cell"] for row in store.rows(grid, fingerprint=experiment.fingerprint())]
    seconds = [row["provenance"]["seconds"] for row in store.rows_of(cells, keys).values()]
    left = found.missing * float(np.mean(seconds)) / default_jobs() if seconds else None
    return {
        "evolved_losses": f"{len(evolved)} of {len(jobs)}",
        **found._asdict(),
        "seconds_left": 0.0 if not found.missing else left,
    }
