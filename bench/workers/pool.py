"""One-thread worker processes, and what becomes of a job whose worker dies."""

import multiprocessing
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from queue import Empty
from types import TracebackType
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from bench.catalogue import plugins
from bench.workers.devices import card_of, use_card
from bench.workers.processes import end_processes, ignoring_interrupts, obey_parent

J = TypeVar("J")
R = TypeVar("R")

POLL_SECONDS = 0.2

UNDER_WAY = 2
"""Jobs for each worker that are handed out: the next one waits while one is worked on."""

Sender = Callable[[object], None]

_sender: ContextVar[Sender | None] = ContextVar("sender", default=None)


class WorkerDied(Exception):
    """The process that worked on a job alone ended without a result."""


class Finished(NamedTuple, Generic[J, R]):
    """A job with its result, or with the exception that it ended in.

    machine: what `bench.cells.provenance.machine` says of where it ran; None for this machine.
    """

    job: J
    result: R | None
    error: Exception | None
    machine: dict[str, object] | None = None


class Pool(Protocol):
    """Workers on this machine (`WorkerPool`) or on many (`bench.workers.dask_pool.DaskPool`)."""

    @property
    def workers(self) -> int:
        """How many jobs are worked on at a time."""
        ...

    def run(
        self,
        work: Callable[[J], R],
        jobs: Sequence[J],
        on_message: Callable[[Any], None] | None = None,
    ) -> Iterator[Finished[J, R]]:
        """Run `work` on each job and yield each as it finishes; several threads may call it.

        A job whose worker dies is run again; one that kills its worker also when it runs alone
        ends in `WorkerDied`, and its neighbours finish. `on_message` gets what `work` sends.
        """
        ...


def send(message: object) -> None:
    """From within a job: send the main process a message, as of progress."""
    sender = _sender.get()
    if sender is not None:
        sender(message)


def send_through(sender: Sender) -> None:
    """What `send` calls in this thread from now on."""
    _sender.set(sender)


def _start_worker(
    messages: Any, plugin_files: tuple[str, ...], started: Any, cards: tuple[int, ...]
) -> None:
    obey_parent()
    if cards:
        take_card(started, cards)
    import torch

    torch.set_num_threads(1)
    send_through(messages.put)
    plugins.load_files(plugin_files)


def take_card(started: Any, cards: Sequence[int]) -> None:
    """Give a worker its CUDA device; started: how many workers have one, shared by all."""
    with started.get_lock():
        worker = started.value
        started.value += 1
    use_card(card_of(worker, cards))


class Crew(NamedTuple):
    """Started worker processes, and the queue of what they send."""

    executor: ProcessPoolExecutor
    messages: Any

    def end(self, *, at_once: bool) -> None:
        """See `end_processes`."""
        end_processes(self.executor, at_once=at_once)
        self.messages.close()
        self.messages.cancel_join_thread()


class WorkerPool:
    """Worker processes that are started once and used for several rounds of jobs.

    cards: the CUDA devices that they take turns on, if they use any.
    """

    def __init__(self, workers: int, cards: Sequence[int] = ()) -> None:
        self.workers, self.cards = workers, tuple(cards)
        # spawn: forking a process that has used torch's threads may deadlock.
        self._context = multiprocessing.get_context("spawn")
        self._crew: Crew | None = None
        self._lock = threading.Lock()

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
        waiting = deque(jobs)
        while waiting:
            suspects: list[J] = []
            for finished in self._round(work, waiting, on_message):
                if isinstance(finished.error, BrokenProcessPool):
                    suspects.append(finished.job)
                else:
                    yield finished
            for job in suspects:
                yield self._alone(work, job, on_message)

    def _alone(
        self, work: Callable[[J], R], job: J, on_message: Callable[[Any], None] | None
    ) -> Finished[J, R]:
        """A job in a process of its own, which is to blame if that dies."""
        with WorkerPool(1, self.cards) as pool:
            [finished] = pool._round(work, deque([job]), on_message)
        if isinstance(finished.error, BrokenProcessPool):
            return finished._replace(error=WorkerDied("its worker process died"))
        return finished

    def close(self, *, at_once: bool = False) -> None:
        """End the processes; `at_once` also ends what they are working on."""
        with self._lock:
            crew, self._crew = self._crew, None
        if crew is not None:
            crew.end(at_once=at_once)

    def _started(self) -> Crew:
        """The processes at work, started if there are none, or none that live."""
        with self._lock:
            if self._crew is not None and _is_broken(self._crew):
                self._crew.end(at_once=True)
                self._crew = None
            if self._crew is None:
                messages = self._context.Queue()
                executor = ProcessPoolExecutor(
                    self.workers,
                    self._context,
                    initializer=_start_worker,
                    initargs=(
                        messages,
                        plugins.loaded_files(),
                        self._context.Value("i", 0),
                        self.cards,
                    ),
                )
                self._crew = Crew(executor, messages)
            return self._crew

    def _round(
        self,
        work: Callable[[J], R],
        waiting: deque[J],
        on_message: Callable[[Any], None] | None,
    ) -> Iterator[Finished[J, R]]:
        """Take jobs from `waiting` and yield each as it ends, until a worker dies or all have.

        Few are under way at a time: a broken pool does not tell which of them had begun.
        """
        crew = self._started()
        pending: dict[Future[R], J] = {}
        while waiting or pending:
            while waiting and len(pending) < UNDER_WAY * self.workers:
                try:
                    with ignoring_interrupts():
                        pending[crew.executor.submit(work, waiting[0])] = waiting[0]
                except BrokenProcessPool:
                    break
                waiting.popleft()
            if not pending:
                return
            ready, _ = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for message in _drain(crew.messages):
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


def _is_broken(crew: Crew) -> bool:
    return bool(crew.executor._broken)


def _drain(messages: Any) -> Iterator[Any]:
    while True:
        try:
            yield messages.get_nowait()
        except Empty:
            return
