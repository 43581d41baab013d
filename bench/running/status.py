"""How far an experiment is."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import func, select

from bench.cells.loss_ref import LossRef, named_losses
from bench.cells.tuning import configurations
from bench.experiment.model import Experiment
from bench.running.evolution import evolution_jobs
from bench.store.schema import cells, evolutions, units, units_with_cells
from bench.store.store import Store
from bench.workers.devices import default_workers
from mln.config import LossSpec

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
    total = len(benchmark.tasks) * benchmark.seeds * _configurations(experiment)
    declared = {
        (row["task"], row["learner"], row["loss"], each["lr"], each["parameter"])
        for row in store.rows(units, fingerprint=experiment.fingerprint())
        for each in row["configurations"]
    }
    of_configuration = (units.c.task, units.c.learner, units.c.loss, cells.c.lr, cells.c.parameter)
    counted = store.query(
        select(*of_configuration, cells.c.status, func.count().label("number"))
        .select_from(units_with_cells)
        .where(units.c.fingerprint == experiment.fingerprint(), cells.c.seed < benchmark.seeds)
        .group_by(*of_configuration, cells.c.status)
    )
    count: Counter[str] = Counter()
    for row in counted:
        if tuple(row[column.name] for column in of_configuration) in declared:
            count[row["status"]] += row["number"]
    present = count["done"], count["diverged"], count["failed"]
    return RunSummary(*present, total - sum(present))


def planned_losses(experiment: Experiment) -> list[LossRef]:
    """All losses of the benchmark; those that are to be evolved have no genome yet."""
    spec = experiment.evolution.loss if experiment.evolution else LossSpec()
    losses = named_losses(experiment.benchmark, spec) if experiment.benchmark else []
    return losses + [LossRef(name, "mln", spec=spec) for name in experiment.evolved_losses()]


def _configurations(experiment: Experiment) -> int:
    """In how many configurations all losses together are trained."""
    losses = planned_losses(experiment)
    return sum(len(configurations(experiment.tuning, loss)) for loss in losses)


def describe(experiment: Experiment, store: Store, artifacts: Path) -> dict[str, Any]:
    """Evolutions and cells by state, and the time that the missing cells will take.

    The estimate is the mean time of up to a thousand of this experiment's finished cells on as
    many workers as there are by default; it is None before any cell is done.
    """
    jobs = evolution_jobs(experiment, artifacts)
    evolved = store.existing(evolutions, [job.key for job in jobs])
    by_status = summary(experiment, store)
    some = store.query(
        select(cells.c.provenance)
        .select_from(units_with_cells)
        .where(units.c.fingerprint == experiment.fingerprint(), cells.c.status != "failed")
        .limit(MAX_TIMED_CELLS)
    )
    seconds = [row["provenance"]["seconds"] for row in some]
    left = (
        by_status.missing * float(np.mean(seconds)) / default_workers(experiment.device)
        if seconds
        else None
    )
    return {
        "evolved": len(evolved),
        "evolutions": len(jobs),
        **by_status._asdict(),
        "seconds_left": 0.0 if not by_status.missing else left,
    }
