"""How far an experiment is."""

from pathlib import Path
from typing import Any

import numpy as np

from bench.evolving import evolution_jobs
from bench.experiment import Experiment
from bench.pool import default_jobs
from bench.runner import summary
from bench.store import Store, cells, evolutions, grid


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
