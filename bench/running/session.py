"""A runner with its store, workers and progress, for as long as a command needs it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from bench.errors import InputError
from bench.experiment.model import Experiment
from bench.files import require_writable
from bench.running.evolution import validation_notes
from bench.running.runner import OnTasks, Runner
from bench.running.status import RunSummary
from bench.store.store import Row, Store
from bench.workers.devices import cards, default_workers
from bench.workers.pool import Pool, WorkerPool
from bench.workers.progress import Live


@contextmanager
def running(
    experiment: Experiment,
    storage: str,
    artifacts: Path,
    jobs: int | None,
    dask: str | None = None,
) -> Iterator[Runner]:
    """A runner on `jobs` worker processes, by default `default_workers`, or on a Dask cluster.

    storage: the store's URL; dask: a scheduler's address, or `local`. Raises InputError where the
    store, the folder of artifacts or the cluster cannot be used.
    """
    require_writable(artifacts)
    with (
        closing(Store(storage)) as store,
        Live() as live,
        pool_for(jobs, dask, live, experiment.device) as pool,
    ):
        # Workers elsewhere have other working folders.
        yield Runner(experiment, store, artifacts.absolute(), pool, live)


@contextmanager
def pool_for(jobs: int | None, dask: str | None, live: Live, device: str = "cpu") -> Iterator[Pool]:
    """The workers that --jobs and --dask ask for, for an experiment on this device.

    Raises InputError where both contradict, the extra is missing, or the cluster cannot be used.
    """
    if dask is None:
        with WorkerPool(jobs or default_workers(device), cards(device)) as pool:
            yield pool
        return
    if dask != "local" and jobs is not None:
        raise InputError(f"--jobs {jobs}: a cluster has its own workers; leave it out")
    try:
        from bench.workers.dask_pool import DaskPool
    except ImportError as error:
        raise InputError(
            f"--dask needs an extra that is not installed ({error}): pip install 'mln-bench[dask]'"
        ) from error
    with DaskPool(dask, jobs, device=device, on_notice=live.notice) as cluster:
        yield cluster


class RunResult(NamedTuple):
    """Cells by status, what became of the learners of each co-evolved loss
    (`bench.running.final_learners.summarise`), and what to know of the evolved losses."""

    cells: RunSummary
    learners: list[Row]
    notes: list[str]


def run_all(
    experiment: Experiment,
    storage: str,
    artifacts: Path,
    jobs: int | None,
    dask: str | None = None,
    on_errors: Callable[[Sequence[str]], None] = lambda _: None,
    on_tasks: OnTasks = lambda _: None,
) -> RunResult:
    """Do all that the experiment lacks; `on_errors` is told, once, what went wrong.

    on_tasks: as in `Runner.run`.

    Raises as `running` and `Runner.run` do.
    """
    with running(experiment, storage, artifacts, jobs, dask) as runner:
        result = RunResult(
            runner.run(on_tasks), runner.learner_rows(), validation_notes(experiment, runner.store)
        )
        errors = runner.errors
    on_errors(errors)
    return result
