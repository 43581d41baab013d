"""One-thread worker processes, and what becomes of a job whose worker dies."""

import multiprocessing
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from queue import Empty
from typing import Any, Generic, NamedTuple, TypeVar

J = TypeVar("J", bound=Hashable)
R = TypeVar("R")

POLL_SECONDS = 0.2

_messages: Any = None


class WorkerDied(Exception):  # noqa: N818  (it names what happened, as concurrent.futures does)
    """The process that worked on a job alone ended without a result."""


class Finished(NamedTuple, Generic[J, R]):
    """A job with its result, or with the exception that it ended in."""

    job: J
    result: R | None
    error: Exception | None


def default_jobs() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def send(message: object) -> None:
    """From within a worker: tell the main process of progress."""
    if _messages is not None:
        _messages.put(message)


def _start_worker(messages: Any) -> None:
    global _messages
    import signal

    import torch

    # Ctrl-C reaches the whole process group; the main process alone decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _messages = messages


def run_jobs(
    work: Callable[[J], R],
    jobs: Sequence[J],
    workers: int,
    on_message: Callable[[Any], None] | None = None,
) -> Iterator[Finished[J, R]]:
    """Run `work` on each job in `workers` processes; yield each as it finishes.

    When a worker dies, the jobs that were under way are run again, each alone in a process of
    its own: one that kills that too ends in `WorkerDied`, its neighbours finish.
    """
    done: set[J] = set()
    suspects: list[J] = []
    broken = False
    for finished in _run_pool(work, jobs, workers, on_message):
        if isinstance(finished.error, BrokenProcessPool):
            broken = True
            suspects.append(finished.job)
            continue
        done.add(finished.job)
        yield finished
    if not broken:
        return
    for job in suspects:
        for finished in _run_pool(work, [job], 1, on_message):
            if isinstance(finished.error, BrokenProcessPool):
                yield Finished(job, None, WorkerDied("its worker process died"))
            else:
                yield finished


def _run_pool(
    work: Callable[[J], R],
    jobs: Sequence[J],
    workers: int,
    on_message: Callable[[Any], None] | None,
) -> Iterator[Finished[J, R]]:
    if not jobs:
        return
    # spawn: forking a process that has used torch's threads may deadlock.
    context = multiprocessing.get_context("spawn")
    messages = context.Queue()
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), context, initializer=_start_worker, initargs=(messages,)
    )
    try:
        pending: dict[Future[R], J] = {pool.submit(work, job): job for job in jobs}
        while pending:
            ready, _ = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for message in _drain(messages):
                if on_message is not None:
                    on_message(message)
            for future in ready:
                job = pending.pop(future)
                error = future.exception()
                if error is None:
                    yield Finished(job, future.result(), None)
                elif isinstance(error, Exception):
                    yield Finished(job, None, error)
                else:
                    raise error
    finally:
        processes = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        if pending:
            # Left early, by an interrupt or an error: what is under way would only be lost.
            for process in processes:
                process.terminate()
        messages.close()
        messages.cancel_join_thread()


def _drain(messages: Any) -> Iterator[Any]:
    while True:
        try:
            yield messages.get_nowait()
        except Empty:
            return
