"""Jobs on the workers of a Dask cluster, behind the interface of `bench.workers.pool.WorkerPool`.

A worker process runs one job at a time in one thread. What is sent is a job's description: tasks
are drawn, and real data is mapped, by the worker, once per process. Messages and results are
pickled, as all that Dask sends: connect only to a scheduler that you trust.
"""

import logging
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import uuid4

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed, get_worker

from bench.catalogue import plugins
from bench.cells.provenance import agreement, machine
from bench.errors import InputError, Unavailable
from bench.workers.pool import Finished, J, R, WorkerDied, send_through
from bench.workers.processes import default_jobs

LOCAL = "local"
CONNECT_SECONDS = 15
CLOSE_SECONDS = 2
WAITING_SECONDS = 30.0
POLL_SECONDS = 0.1
CONFIG = {
    # Results are small and jobs are long: a profile of every 10 ms tells nothing.
    "distributed.worker.profile.enabled": False,
    "distributed.comm.timeouts.connect": CONNECT_SECONDS,
    # A lost scheduler is reported, not waited for: the same command continues.
    "distributed.comm.retry.count": 0,
}


class Unfit(Exception):
    """A worker differs from the machine that gives out the work, in what determines results."""


class Answer(NamedTuple):
    """A job's result, or its exception, and the machine that it ran on."""

    result: Any
    error: Exception | None
    machine: dict[str, object]


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
        on_notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        """address: `local` or a scheduler's; workers: how many processes `local` starts."""
        self.address, self.on_notice = address, on_notice
        self._cluster: LocalCluster | None = None
        # What the library logs of lost workers, this class tells in its own words.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        with dask.config.set(CONFIG):
            if address == LOCAL:
                self._cluster = _local_cluster(workers or default_jobs())
            self._client = self._connect()
        self._handlers: dict[str, Callable[[Any], None]] = {}
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

    @property
    def workers(self) -> int:
        """Workers that are connected now, at least 1."""
        return max(len(self._client.nthreads()), 1)

    def run(
        self,
        work: Callable[[J], R],
        jobs: Sequence[J],
        on_message: Callable[[Any], None] | None = None,
    ) -> Iterator[Finished[J, R]]:
        """Run `work` on each job; yield each as it finishes.

        The scheduler runs a job again elsewhere when its worker dies, and gives it up after
        `distributed.scheduler.allowed-failures` deaths. It blames all jobs that the worker had
        been given: each of them is run again with none of the others under way, and one that is
        given up once more ends in `WorkerDied`.
        """
        suspects: list[J] = []
        for finished in self._round(work, jobs, on_message):
            if isinstance(finished.error, KilledWorker):
                suspects.append(finished.job)
            else:
                yield finished
        for job in suspects:
            for finished in self._round(work, [job], on_message):
                if isinstance(finished.error, KilledWorker):
                    reason = f"{finished.error.allowed_failures + 1} workers died on it alone"
                    yield finished._replace(error=WorkerDied(reason))
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
        self._client.subscribe_topic(topic, lambda event: messages.put(event[1]))
        expected, files = agreement(), plugins.loaded_files()
        pending: dict[Future[Any], J] = {
            self._client.submit(
                answer, work, pickle.dumps(job), expected, files, topic, pure=False
            ): job
            for job in jobs
        }
        finished = as_completed(
            list(pending), loop=self._client.loop, with_results=True, raise_errors=False
        )
        waiting = _Waiting(self)
        try:
            while pending:
                for message in _drain(messages):
                    if on_message is not None:
                        on_message(pickle.loads(message))
                ready = finished.next_batch(block=False)
                if not ready:
                    waiting.look()
                    time.sleep(POLL_SECONDS)
                for future, found in ready:
                    # The scheduler forgets a result when its last future is gone.
                    yield self._finished(pending.pop(future), future.status, found)
        finally:
            self._client.unsubscribe_topic(topic)

    def _finished(self, job: J, status: str, found: Any) -> Finished[J, Any]:
        if status == "finished":
            return Finished(job, found.result, found.error, found.machine)
        if status == "error":
            error = found[1] if isinstance(found, tuple) else found
            if isinstance(error, Unfit):
                raise InputError(f"--dask {self.address}: {error}")
            if isinstance(error, Exception):
                return Finished(job, None, error)
        raise Unavailable(
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
        for address, threads in self._client.nthreads().items():
            if threads != 1:
                self._refuse(f"worker {address} has {threads} threads; start it with --nthreads 1")
        found = self._client.run(difference, agreement(), on_error="return")
        for address, answered in found.items():
            if isinstance(answered, ImportError):
                self._refuse(
                    f"worker {address} has no MLN-Bench ({answered}); install it there as here"
                )
            if answered:
                self._refuse(f"worker {address}: {answered}")

    def _refuse(self, reason: str) -> None:
        self.close()
        raise InputError(f"--dask {self.address}: {reason}")


class _Waiting:
    """Tells, now and then, that no worker is connected: a queue of a cluster may take hours."""

    def __init__(self, pool: DaskPool) -> None:
        self.pool, self.since = pool, time.monotonic()

    def look(self) -> None:
        now = time.monotonic()
        if now - self.since >= WAITING_SECONDS:
            self.since = now
            if not self.pool._client.nthreads():
                self.pool.on_notice(f"{self.pool.address} has no worker; waiting for one")


def answer(
    work: Callable[[Any], Any],
    job: bytes,
    expected: dict[str, str],
    plugin_files: tuple[str, ...],
    topic: str,
) -> Answer:
    """At a worker: run a job. Its exception is a result; only a lost worker is an error."""
    import torch

    different = difference(expected)
    if different:
        raise Unfit(f"worker {get_worker().address}: {different}")
    torch.set_num_threads(1)
    plugins.load_files(plugin_files)
    worker = get_worker()
    send_through(lambda message: worker.log_event(topic, pickle.dumps(message)))
    try:
        return Answer(work(pickle.loads(job)), None, machine())
    except Exception as error:
        return Answer(None, _plain(error), machine())


def difference(expected: dict[str, str]) -> str:
    """What a worker has otherwise than it should; empty where it agrees."""
    own = agreement()
    return "; ".join(
        f"{name} is {own.get(name)} there and {value} here; install the same on both"
        for name, value in expected.items()
        if own.get(name) != value
    )


def _plain(error: Exception) -> Exception:
    """The exception, or one with its text where it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # a class of a user's or a library's may raise anything here
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


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
