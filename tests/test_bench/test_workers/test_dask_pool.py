"""Dask workers: the same interface and the same bits as worker processes, whatever dies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import LocalCluster
from test_bench.test_running.test_runner import results
from test_bench.test_workers.pool_work import work
from test_bench.tiny import TINY, tiny

from bench.errors import InputError, Unavailable
from bench.experiment.model import Experiment
from bench.running.runner import Runner
from bench.store.schema import cells, evolutions
from bench.store.store import Store
from bench.workers import dask_pool
from bench.workers.dask_pool import DaskPool
from bench.workers.pool import WorkerDied, WorkerPool
from bench.workers.progress import Silent

pytestmark = [
    # A worker that is killed leaves its pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def pool() -> Iterator[DaskPool]:
    # One death condemns: a job is tried twice in all, together and alone.
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), DaskPool("local", 2) as it:
        yield it


def test_every_job_ends_once_and_a_killer_takes_no_neighbour_with_it(pool: DaskPool) -> None:
    jobs = [1, 13, 2, 666, 3, 4]
    heard: list[int] = []
    finished = {item.job: item for item in pool.run(work, jobs, heard.append)}
    assert sorted(finished) == sorted(jobs)
    assert [finished[job].result for job in (1, 2, 3, 4)] == [1, 4, 9, 16]
    assert isinstance(finished[13].error, ValueError)
    assert isinstance(finished[666].error, WorkerDied)
    assert heard
    assert set(heard) <= set(jobs)
    assert [item.result for item in pool.run(work, [5])] == [25]


def run(experiment: Experiment, folder: Path, pool: DaskPool | WorkerPool) -> Store:
    store = Store(f"sqlite:///{folder}/mln.db")
    runner = Runner(experiment, store, folder / "artifacts", pool, Silent())
    assert runner.run().missing == 0
    assert runner.errors == []
    return store


def coevolving(**benchmark: Any) -> Experiment:
    """One evolution run: fewer than workers, so that its generations are spread."""
    section = TINY["evolution"]
    settings = section["settings"] | {"coevolution": "persistent"}
    changed = {"evolution": section | {"settings": settings, "runs": 1}}
    return Experiment.model_validate(tiny(**benchmark).model_dump() | changed)


@pytest.mark.slow
def test_two_dask_workers_give_the_bits_of_one_process(tmp_path: Path, pool: DaskPool) -> None:
    experiment = coevolving(tasks=["spirals"], losses=["ce", "mse"], seeds=3)
    spread = run(experiment, tmp_path / "dask", pool)
    with WorkerPool(1) as one:
        alone = run(experiment, tmp_path / "one", one)
    assert len(spread.rows(evolutions)) == 1
    assert len(spread.rows(cells)) == len(alone.rows(cells)) > 0
    assert results(spread) == results(alone)
    # What is stored of the machine is the worker's.
    assert spread.rows(cells)[0]["provenance"].keys() == alone.rows(cells)[0]["provenance"].keys()


def test_a_cluster_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match="cannot connect"):
        DaskPool("tcp://127.0.0.1:1")
    with pytest.raises(InputError, match="cannot connect"):
        DaskPool("nonsense")


def test_workers_that_would_give_other_results_are_refused(
    pool: DaskPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = pool._client.scheduler_info()["address"]
    other = dask_pool.agreement() | {"torch": "1.0"}
    monkeypatch.setattr(dask_pool, "agreement", lambda: other)
    with pytest.raises(InputError, match=r"torch is .* there and 1\.0 here"):
        DaskPool(address)
    # One that comes later looks by itself.
    with pytest.raises(InputError, match=r"torch is .* there and 1\.0 here"):
        list(pool.run(work, [1]))


def cluster(threads: int) -> LocalCluster:
    return LocalCluster(
        n_workers=1, threads_per_worker=threads, processes=False, dashboard_address="127.0.0.1:0"
    )


def test_a_worker_of_several_threads_is_refused() -> None:
    with cluster(2) as two, pytest.raises(InputError, match="--nthreads 1"):
        DaskPool(two.scheduler_address)


def test_a_scheduler_that_is_lost_ends_the_command_in_one_line() -> None:
    lost = cluster(1)
    with DaskPool(lost.scheduler_address) as pool:
        jobs = pool.run(work, [1, *range(1000, 1400)])
        next(jobs)
        lost.close()
        with pytest.raises(Unavailable, match="the same command continues"):
            list(jobs)
