"""Dask workers: the same interface and the same bits as worker processes, whatever dies."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dask
import pytest
from dask.utils import parse_timedelta
from distributed import LocalCluster
from distributed.client import FutureCancelledError
from test_bench.running_here import results
from test_bench.test_workers.pool_work import times_tried, whose, work
from test_bench.tiny import TINY, tiny

from bench.errors import InputError, Unavailable
from bench.experiment.model import Experiment
from bench.running.runner import Runner
from bench.store.schema import cells, evolutions
from bench.store.store import Store
from bench.workers import dask_pool
from bench.workers.dask_pool import CONNECTION_LOST, DaskPool, Gathered, gathered
from bench.workers.dask_worker import Answer
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


@pytest.mark.slow
def test_workers_that_die_again_and_again_come_back() -> None:
    """A local cluster gives up a worker that is away 15 s after an earlier death, even for a
    moment; within a minute of deaths both would be gone, and the pool would wait for ever."""
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}), DaskPool("local", 2) as it:
        for _ in range(25):
            jobs = {item.job: item for item in it.run(work, [666, 2])}
            assert jobs[2].result == 4
            assert isinstance(jobs[666].error, WorkerDied)


def test_a_local_cluster_gives_up_no_worker_for_good() -> None:
    def seconds() -> float:
        return float(parse_timedelta(dask.config.get("distributed.deploy.lost-worker-timeout")))

    before = seconds()
    with DaskPool("local", 1) as it:
        assert seconds() > 1e8
        assert [item.result for item in it.run(work, [3])] == [9]
    assert seconds() == before


def before_fetching(
    pool: DaskPool, monkeypatch: pytest.MonkeyPatch, act: Callable[[Any], Awaitable[None]]
) -> None:
    """Whenever a job has ended, `act` on its future before its result is fetched."""
    fetch = pool._client.gather

    async def gather(future: Any, *, asynchronous: bool) -> Any:
        while not future.done():
            await asyncio.sleep(0.01)
        await act(future)
        return await fetch(future, asynchronous=asynchronous)

    monkeypatch.setattr(pool._client, "gather", gather)


def kill_first_holder(pool: DaskPool, killed: list[int]) -> Callable[[Any], Awaitable[None]]:
    """Kill the worker that holds the first result, and go on when the scheduler knows of it."""
    assert pool._cluster is not None
    scheduler, nannies = pool._cluster.scheduler, pool._cluster.workers.values()

    async def act(future: Any) -> None:
        if killed:
            return
        [holder] = scheduler.tasks[future.key].who_has
        [pid] = [nanny.pid for nanny in nannies if nanny.worker_address == holder.address]
        killed.append(pid)
        os.kill(pid, signal.SIGKILL)
        while scheduler.workers.get(holder.address) is holder:
            await asyncio.sleep(0.01)

    return act


def test_a_result_that_is_lost_with_its_worker_is_computed_again(
    pool: DaskPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int] = []
    before_fetching(pool, monkeypatch, kill_first_holder(pool, killed))
    [finished] = pool.run(whose, [1])
    assert finished.error is None
    assert len(killed) == 1
    assert finished.result not in killed


def test_a_job_that_kills_its_worker_when_its_lost_result_is_computed_again(
    pool: DaskPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    killed: list[int] = []
    before_fetching(pool, monkeypatch, kill_first_holder(pool, killed))
    # Its first result is lost, its second attempt kills its worker, its third is made alone.
    [finished] = pool.run(times_tried, [(tmp_path / "tries", 2)])
    assert (finished.result, finished.error) == (3, None)
    assert len(killed) == 1


def test_a_job_that_the_scheduler_was_told_to_forget_is_run_again_alone(
    pool: DaskPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[Any] = []

    async def cancel_first(future: Any) -> None:
        if not cancelled:
            cancelled.append(future.key)
            await pool._client.cancel(future, asynchronous=True)

    before_fetching(pool, monkeypatch, cancel_first)
    assert sorted(item.result for item in pool.run(work, [1, 2, 3])) == [1, 4, 9]
    assert len(cancelled) == 1


def test_a_job_whose_result_is_always_lost_ends_without_one(
    pool: DaskPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cancel(future: Any) -> None:
        await pool._client.cancel(future, asynchronous=True)

    before_fetching(pool, monkeypatch, cancel)
    [finished] = pool.run(work, [1])
    assert isinstance(finished.error, WorkerDied)
    assert "result was lost" in str(finished.error)


@pytest.mark.parametrize("status", ["finished", "lost", "pending", "cancelled", "error"])
def test_an_answer_is_a_result_whatever_has_become_of_its_worker(
    status: str, pool: DaskPool
) -> None:
    there: Any = {"processor": "x"}

    async def gather(future: Any, *, asynchronous: bool) -> Answer:
        future.status = status
        return Answer(4, None, there)

    client: Any = SimpleNamespace(gather=gather)
    future: Any = SimpleNamespace(status="finished")
    outcome = asyncio.run(gathered(client, future))
    assert pool._finished(2, outcome) == (2, 4, None, there)


def test_without_an_answer_the_error_says_what_is_lost(pool: DaskPool) -> None:
    def outcome(error: Exception, status: str) -> Gathered:
        async def gather(_: Any, *, asynchronous: bool) -> Answer:
            raise error

        client: Any = SimpleNamespace(gather=gather)
        future: Any = SimpleNamespace(status=status)
        return asyncio.run(gathered(client, future))

    own = OSError("no such file at the worker")
    assert pool._finished(1, outcome(own, "error")).error is own
    # Also where the client has found a scheduler again: that one knows nothing of the jobs.
    for error, status in (
        (FutureCancelledError("key", CONNECTION_LOST), "cancelled"),
        (OSError("in <TCP>: Stream is closed"), "finished"),
        (OSError("in <TCP>: Stream is closed"), "lost"),
    ):
        with pytest.raises(Unavailable, match="the Dask scheduler local is lost"):
            pool._finished(1, outcome(error, status))
    for error, status in (
        (FutureCancelledError("key", "scheduler-restart"), "cancelled"),
        (FutureCancelledError("key", None), "cancelled"),
        (ValueError("a result that cannot be read here"), "finished"),
    ):
        assert isinstance(pool._finished(1, outcome(error, status)).error, dask_pool.GivenUp)


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
    monkeypatch.setattr(dask_pool, "agreement", lambda _: other)
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


def test_a_pool_that_has_lost_its_scheduler_for_good_says_so_again() -> None:
    with cluster(1) as one, DaskPool(one.scheduler_address) as pool:
        assert [item.result for item in pool.run(work, [2])] == [4]
        pool._client.close()
        for use in (lambda: list(pool.run(work, [1])), lambda: pool.workers):
            with pytest.raises(Unavailable, match="the same command continues"):
                use()
