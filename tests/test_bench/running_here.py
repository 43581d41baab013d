"""The runner in this process, and what it stored."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from bench.experiment.model import Experiment
from bench.running.runner import Runner
from bench.running.status import RunSummary
from bench.store.schema import cells, evolutions, units
from bench.store.store import Store
from bench.workers.pool import Finished
from bench.workers.progress import Silent


class Here:
    """A pool that works in this process; jobs: what it was given, workers: how many it claims."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self.jobs: list[Any] = []

    def run(
        self, work: Callable[[Any], Any], jobs: Iterable[Any], _on_message: object = None
    ) -> Iterator[Finished[Any, Any]]:
        """Each job's result."""
        for job in jobs:
            self.jobs.append(job)
            yield self.finish(work, job)

    def finish(self, work: Callable[[Any], Any], job: Any) -> Finished[Any, Any]:
        """What became of one job."""
        return Finished(job, work(job), None)

    @property
    def cells(self) -> list[tuple[str, str, int, float, float | None]]:
        """The cells that were trained: task, loss, seed, rate and parameter."""
        return [
            (job.task, job.loss.name, member.seed, member.lr, job.loss.parameter)
            for job in self.jobs
            for member in getattr(job, "members", ())
        ]


def run_here(
    experiment: Experiment, folder: Path, pool: Here | None = None, *, errors: int = 0
) -> tuple[Store, RunSummary]:
    """Run an experiment; errors: how many jobs are expected to fail."""
    store = Store(f"sqlite:///{folder}/mln.db")
    runner = Runner(experiment, store, folder / "artifacts", pool or Here(), Silent())
    counts = runner.run()
    assert len(runner.errors) == errors, runner.errors
    return store, counts


def results(store: Store) -> list[Any]:
    """Everything measured, without what describes the machine and the time."""
    kept = []
    for table in (evolutions, units, cells):
        for row in store.rows(table):
            for name in ("provenance", "seconds"):
                row.pop(name, None)
            kept.append(row)
    return kept
