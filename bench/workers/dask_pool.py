"""Jobs on the workers of a Dask cluster, behind the interface of `bench.workers.pool.WorkerPool`.

A worker process runs one job at a time in one thread. What is sent is a job's description: tasks
are drawn, and real data is mapped, by the worker, once per process. Messages and results are
pickled, as all that Dask sends: connect only to a scheduler that you trust.
"""

import asyncio
import logging
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import uuid4

import dask
from distributed import Client, Future, KilledWorker, LocalCluster

from bench.catalogue import plugins
from bench.cells.provenance import agreement
from bench.errors import InputError, Unavailable
from bench.workers.dask_worker import Answer, Unfit, answer, difference
from bench.workers.devices import default_workers
from bench.workers.pool import Finished, J, R, WorkerDied

LOCAL = "local"
CONNECT_SECONDS = 15
CLOSE_SECONDS = 2
WAITING_SECONDS = 30.0
POLL_SECONDS = 0.1
GONE = ("closing", "closed")
"""States of a client that found no scheduler again."""
CONNECTION_LOST = "scheduler-connection-lost"
"""The reason that the client gives where it cancels all futures itself."""
CONFIG = {
    # Results are small and jobs are long: a profile of every 10 ms shows nothing.
    "distributed.worker.profile.enabled": False,
    "distributed.comm.timeouts.connect": CONNECT_SECONDS,
    # A lost scheduler is reported, not waited for: the same command continues.
    "distributed.comm.retry.count": 0,
}

LOST_WORKERS = {"distributed.deploy.lost-worker-timeout": "10000 days"}
"""A local cluster closes for good a worker that is away so long after a death, also where it came
back and has just died again; then a grid would wait for ever. Its nanny restarts it."""


class GivenUp(Exception):
    """A job without an answer though the scheduler runs: it is to be run again, alone."""


class Gathered(NamedTuple):
    """A job's answer, or the error that came in its place and the future's status at that time."""

    answer: Answer | None
    error: BaseException | None = None
    status: str = "finished"


async def gathered(client: Client, future: "Future[Answer]") -> Gathered:
    """Wait for a job's end and fetch its answer, in the thread of the client's event loop.

    A result that is lost with its worker before it is here is waited for again: the scheduler runs
    that job again. Once it is here, what becomes of its worker, and so of the status, is no matter.
    """
    try:
        return Gathered(await client.gather(future, asynchronous=True))
    except (asyncio.CancelledError, GeneratorExit):
        raise
    except BaseException as error:
        return Gathered(None, error, str(future.status))


class DaskPool:
    """The workers of a Dask cluster: of a running scheduler, or `local` for this machine's.

    Raises InputError where the scheduler cannot be reached, or a worker has other versions of what
    determines results, or several threads; Unavailable where the scheduler is lost.
    """

    def __init__(
        self,
        address: str,
        workers: int | None = None,
        *,
        device: str = "cpu",
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        """address: `local` or a scheduler's; workers: how many processes `local` starts; device:
        that of the jobs."""
        self.address, self.device, self.on_notice = address, device, on_notice
        self._cluster: LocalCluster | None = None
        # What the library logs of lost workers, this class says in its own words.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._settings = ExitStack()
        with dask.config.set(CONFIG):
            if address == LOCAL:
                # Read at each death, so it must hold for as long as the cluster does.
                self._settings.enter_context(dask.config.set(LOST_WORKERS))
                self._cluster = _local_cluster(workers or default_workers(device))
            self._client = self._connect()
        self._check_workers()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(at_once=error is not None)

    def close(self, *, at_once: bool = False) -> None:
        """Leave the cluster; what it works on for us is given up. A local one is ended.

        `at_once` also ends what a local one works on, which its workers cannot be asked to.
        """
        if at_once and self._cluster is not None:
            for nanny in self._cluster.workers.values():
                nanny.auto_restart = False
                with suppress(OSError, TypeError):
                    os.kill(nanny.pid, signal.SIGKILL)
        for left in (self._client, self._cluster):
            if left is not None:
                with suppress(TimeoutError):
                    left.close(CLOSE_SECONDS)
        self._settings.close()

    @property
    def workers(self) -> int:
        """Workers that are connected now, at least 1.

        Raises Unavailable where the scheduler is lost.
        """
        return max(len(self.threads()), 1)

    def threads(self) -> dict[str, int]:
        """Threads of each connected worker, by its address.

        Raises Unavailable where the scheduler is lost.
        """
        if self._client.status not in GONE:
            with suppress(OSError):
                return dict(self._client.nthreads())
        raise self._lost()

    def run(
        self,
        work: Callable[[J], R],
        jobs: Sequence[J],
        on_message: Callable[[Any], None] | None = None,
    ) -> Iterator[Finished[J, R]]:
        """Run `work` on each job; yield each as it finishes.

        The scheduler runs a job again elsewhere when its worker dies, and gives it up after
        `distributed.scheduler.allowed-failures` deaths. It blames all jobs that the worker had
        been given. Each job that is given up, or whose result is lost in another way, is run again
        with none of the others under way, and ends in `WorkerDied` where that happens once more.

        Raises InputError where a worker has other versions of what determines results,
        Unavailable where the scheduler is lost.
        """
        suspects: list[J] = []
        for finished in self._round(work, jobs, on_message):
            if isinstance(finished.error, GivenUp):
                suspects.append(finished.job)
            else:
                yield finished
        for job in suspects:
            for finished in self._round(work, [job], on_message):
                if isinstance(finished.error, GivenUp):
                    yield finished._replace(error=WorkerDied(f"{finished.error}, though alone"))
                else:
                    yield finished

    def _round(
        self,
        work: Callable[[J], R],
        jobs: Sequence[J],
        on_message: Callable[[Any], None] | None,
    ) -> Iterator[Finished[J, R]]:
        topic = f"mln-bench-{uuid4().hex}"
        messages: SimpleQueue[bytes] = SimpleQueue()
        ended: SimpleQueue[tuple[Future[Answer], Gathered]] = SimpleQueue()

        async def follow(future: "Future[Answer]") -> None:
            ended.put((future, await gathered(self._client, future)))

        pending: dict[Future[Answer], J] = {}
        try:
            pending = self._submitted(work, jobs, topic, messages)
            loop = self._client.loop
            assert loop is not None
            for future in pending:
                loop.add_callback(follow, future)
            waiting = _Waiting(self)
            while pending:
                for message in _drain(messages):
                    if on_message is not None:
                        on_message(pickle.loads(message))
                try:
                    future, outcome = ended.get(timeout=POLL_SECONDS)
                except Empty:
                    waiting.look()
                else:
                    yield self._finished(pending.pop(future), outcome)
        finally:
            for future in pending:
                future.release()
            # A client that has closed in the meantime has left the topic already.
            with suppress(Exception):
                self._client.unsubscribe_topic(topic)

    def _submitted(
        self,
        work: Callable[[J], R],
        jobs: Sequence[J],
        topic: str,
        messages: "SimpleQueue[bytes]",
    ) -> dict["Future[Answer]", J]:
        """The jobs by their futures, and what they send on its way to a queue.

        The scheduler forgets a job when its last future is gone.
        """
        expected, files = agreement(self.device), plugins.loaded_files()
        try:
            self._client.subscribe_topic(topic, lambda event: messages.put(event[1]))
            return {
                self._client.submit(
                    answer, work, pickle.dumps(job), expected, files, topic, pure=False
                ): job
                for job in jobs
            }
        except Exception as error:
            if self._client.status in GONE:
                raise self._lost() from error
            raise

    def _finished(self, job: J, outcome: Gathered) -> Finished[J, Any]:
        """A job's end; its error is `GivenUp` where it is to be run again.

        Decided by what was gathered. Without an answer: the status `error` is the job's own error,
        `KilledWorker` or an unfit worker's; every other one says that nobody knows of the job any
        more, since the scheduler is lost, or since it was told to forget the job.
        """
        if outcome.answer is not None:
            return Finished(job, *outcome.answer)
        error = outcome.error
        if outcome.status == "error":
            if isinstance(error, KilledWorker):
                deaths = error.allowed_failures + 1
                return Finished(job, None, GivenUp(f"{deaths} workers died on it"))
            if isinstance(error, Unfit):
                raise InputError(f"--dask {self.address}: {error}")
            if isinstance(error, Exception):
                return Finished(job, None, error)
            raise error or self._lost()
        unreachable = isinstance(error, OSError)  # the call that fetches a result
        cut_off = getattr(error, "reason", None) == CONNECTION_LOST
        if unreachable or cut_off or self._client.status != "running":
            raise self._lost() from error
        return Finished(job, None, GivenUp(f"its result was lost ({error})"))

    def _lost(self) -> Unavailable:
        return Unavailable(
            f"the Dask scheduler {self.address} is lost; what is stored stays, and the same "
            "command continues on a scheduler that runs"
        )

    def _connect(self) -> Client:
        try:
            return Client(
                self._cluster or self.address,
                timeout=CONNECT_SECONDS,
                set_as_default=False,
                name="mln-bench",
            )
        except (OSError, ValueError, ImportError, TimeoutError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else "no answer"
            raise InputError(
                f"--dask {self.address}: cannot connect: {reason}; start one with "
                "`dask scheduler`, or use --dask local"
            ) from error

    def _check_workers(self) -> None:
        """Refuse a cluster whose workers would give other results; later ones check themselves."""
        for address, threads in self.threads().items():
            if threads != 1:
                self._refuse(f"worker {address} has {threads} threads; start it with --nthreads 1")
        differences = self._client.run(difference, agreement(self.device), on_error="return")
        for address, differs in differences.items():
            if isinstance(differs, ImportError):
                self._refuse(
                    f"worker {address} has no MLN-Bench ({differs}); install it there as here"
                )
            if differs:
                self._refuse(f"worker {address}: {differs}")

    def _refuse(self, reason: str) -> None:
        self.close()
        raise InputError(f"--dask {self.address}: {reason}")


class _Waiting:
    """Gives notice, now and then, that no worker is connected: a cluster's queue may take hours."""

    def __init__(self, pool: DaskPool) -> None:
        self.pool, self.since = pool, time.monotonic()

    def look(self) -> None:
        now = time.monotonic()
        if now - self.since >= WAITING_SECONDS:
            self.since = now
            if not self.pool.threads():
                self.pool.on_notice(f"{self.pool.address} has no worker; waiting for one")


def _local_cluster(workers: int) -> LocalCluster:
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    )


def _drain(messages: "SimpleQueue[bytes]") -> Iterator[bytes]:
    while True:
        try:
            yield messages.get_nowait()
        except Empty:
            return
