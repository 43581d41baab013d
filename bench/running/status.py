"""How far an experiment is."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Join, func, select

from bench.experiment.model import Experiment
from bench.running.evolution import evolution_jobs
from bench.store.schema import cells, evolutions, grid
from bench.store.store import Store
from bench.workers.processes import default_jobs

MAX_TIMED_CELLS = 1000
"""Finished cells whose time is looked at for an estimate."""


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
    counted = store.query(
        select(cells.c.status, func.count().label("number"))
        .select_from(_grid_with_cells())
        .where(grid.c.fingerprint == experiment.fingerprint())
        .group_by(cells.c.status)
    )
    count = {row["status"]: row["number"] for row in counted}
    present = count.get("done", 0), count.get("diverged", 0), count.get("failed", 0)
    return RunSummary(*present, total - sum(present))


def describe(experiment: Experiment, store: Store, artifacts: Path) -> dict[str, Any]:
    """Evolutions and cells by state, and the time that the missing cells will take.

    The estimate is the mean time of up to a thousand of this experiment's finished cells on as
    many workers as there are processors; it is None before any cell is done.
    """
    jobs = evolution_jobs(experiment, artifacts)
    evolved = store.existing(evolutions, [job.key for job in jobs])
    by_status = summary(experiment, store)
    some = store.query(
        select(cells.c.provenance)
        .select_from(_grid_with_cells())
        .where(grid.c.fingerprint == experiment.fingerprint(), cells.c.status != "failed")
        .limit(MAX_TIMED_CELLS)
    )
    seconds = [row["provenance"]["seconds"] for row in some]
    left = by_status.missing * float(np.mean(seconds)) / default_jobs() if seconds else None
    return {
        "evolved_losses": f"{len(evolved)} of {len(jobs)}",
        **by_status._asdict(),
        "seconds_left": 0.0 if not by_status.missing else left,
    }


def _grid_with_cells() -> Join:
    return grid.join(cells, grid.c.cell == cells.c.key)
