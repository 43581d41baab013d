"""A runner with its store, worker processes and progress, for as long as a command needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.console import complain, require_writable
from bench.experiment import Experiment
from bench.pool import WorkerPool, default_jobs
from bench.progress import Live
from bench.runner import Runner
from bench.status import RunSummary
from bench.store import Row, Store


@contextmanager
def running(
    experiment: Experiment, storage: str, artifacts: Path, jobs: int | None
) -> Iterator[Runner]:
    """A runner on `jobs` worker processes, by default one per processor."""
    require_writable(artifacts)
    store = Store(storage)
    with WorkerPool(jobs or default_jobs()) as pool, Live() as live:
        yield Runner(experiment, store, artifacts, pool, live)
    store.close()


class RunResult(NamedTuple):
    """Cells by status, and what became of the learners of each co-evolved loss
    (`bench.learners.summary`)."""

    cells: RunSummary
    learners: list[Row]


def run_all(experiment: Experiment, storage: str, artifacts: Path, jobs: int | None) -> RunResult:
    """Do all that the experiment lacks, and say what went wrong."""
    with running(experiment, storage, artifacts, jobs) as runner:
        result = RunResult(runner.run(), runner.learner_rows())
        errors = runner.errors
    complain(errors)
    return result
