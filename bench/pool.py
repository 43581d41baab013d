"""One-thread worker processes, and what becomes of a job whose worker dies."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from queue import Empty
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

from bench import plugins

J = TypeVar("J")
R = TypeVar("R")

POLL_SECONDS = 0.2
TERMINATION_SECONDS = 5.0

_messages: Any = None


class WorkerDied(Exception):
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


def _start_worker(messages: Any, plugin_files: tuple[str, ...]) -> None:
    global _messages
    import torch

    # Ctrl-C reaches the whole process group; the main process alone decides what follows.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()
    torch.set_num_threads(1)
    _messages = messages
    plugins.load_files(plugin_files)


def _follow_parent() -> None:
    """End with a main process that was killed: an idle worker would wait for jobs for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


class WorkerPool:
    """Worker processes that are started once and used for several rounds of jobs."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        # spawn: forking a process that has used torch's threads may deadlock.
        self._context = multiprocessing.get_context("spawn")
        self._executor: ProcessPoolExecutor | None = None
        self._messages: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(at_once=error is not None)

    def run(
        self,
        work: Callable[[J], R],
        jobs: Sequence[J],
        on_message: Callable[[Any], None] | None = None,
    ) -> Iterator[Finished[J, R]]:
        """Run `work` on each job; yield each as it finishes.

        When a worker dies, the jobs that were under way are run again, each alone in a process
        of its own: one that kills that too ends in `WorkerDied`, its neighbours finish.
        """
        suspects: list[J] = []
        for finished in self._round(work, jobs, on_message):
            if isinstance(finished.error, BrokenProcessPool):
                suspects.append(finished.job)
            else:
                yield finished
        if not suspects:
            return
        self.close(at_once=True)
        for job in suspects:
            with WorkerPool(1) as alone:
                for finished in alone._round(work, [job], on_message):
                    died = isinstance(finished.error, BrokenProcessPool)
                    error = WorkerDied("its worker process died") if died else finished.error
                    yield finished._replace(error=error)

    def close(self, *, at_once: bool = False) -> None:
        """End the processes; `at_once` also ends what they are working on."""
        if self._executor is None:
            return
        processes = list((self._executor._processes or {}).values())
        self._executor.shutdown(wait=False, cancel_futures=True)
        if at_once:
            for process in processes:
                process.terminate()
            for process in processes:
                process.join(TERMINATION_SECONDS)
        self._messages.close()
        self._messages.cancel_join_thread()
        self._executor = None

    def _round(
        self,
        work: Callable[[J], R],
        jobs: Sequence[J],
        on_message: Callable[[Any], None] | None,
    ) -> Iterator[Finished[J, R]]:
        if self._executor is None:
            self._messages = self._context.Queue()
            self._executor = ProcessPoolExecutor(
                self.workers,
                self._context,
                initializer=_start_worker,
                initargs=(self._messages, plugins.loaded_files()),
            )
        pending: dict[Future[R], J] = {self._executor.submit(work, job): job for job in jobs}
        while pending:
            ready, _ = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for message in _drain(self._messages):
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


def _drain(messages: Any) -> Iterator[Any]:
    while True:
        try:
            yield messages.get_nowait()
        except Empty:
            return
