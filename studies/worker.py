"""The processes that evaluate trials. They never touch the database."""

import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from types import TracebackType
from typing import NamedTuple

from bench.experiment import Experiment
from studies.outcome import Params, TrialFailure, TrialOutcome


class Job(NamedTuple):
    """A trial to be evaluated."""

    experiment: Experiment
    params: Params
    slot: int


class Workers:
    """A pool of spawned processes, started when the first job comes.

    Each process uses one thread of its own: a trial's bits then depend neither on the number of
    workers nor on the machine's cores. Leaving the context by an exception ends the processes at
    once, without waiting for their trials.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._finish()
        else:
            self._terminate()

    def evaluate(self, jobs: Sequence[Job]) -> list[TrialOutcome | TrialFailure]:
        """The outcomes of the jobs, in their order.

        A job that raises is a failure. So is one whose process dies twice: after a death, which
        takes the whole pool with it, each job that it left is tried again alone in a fresh pool,
        so that none is failed for another's sake.
        """
        outcomes = self._attempt(jobs)
        for index, outcome in enumerate(outcomes):
            if outcome is None:
                outcomes[index] = self._attempt(jobs[index : index + 1])[0]
        return [
            outcome or TrialFailure("its worker process died twice; is there enough memory?")
            for outcome in outcomes
        ]

    def _attempt(self, jobs: Sequence[Job]) -> list[TrialOutcome | TrialFailure | None]:
        """Outcomes, None for each job that was lost with its process; a broken pool is given up."""
        pool = self._pool = self._pool or _process_pool(self._count)
        futures = [_submit(pool, job) for job in jobs]
        outcomes = [_outcome(future) for future in futures]
        if None in outcomes:
            self._terminate()
        return outcomes

    def _finish(self) -> None:
        if self._pool:
            self._pool.shutdown()
        self._pool = None

    def _terminate(self) -> None:
        if self._pool:
            # The executor has no method for this before Python 3.14.
            processes = list((self._pool._processes or {}).values())
            self._pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.terminate()
            for process in processes:
                process.join()
        self._pool = None


def evaluate(job: Job) -> TrialOutcome:
    """Evaluate a trial in this process; torch is imported here, not by the coordinator."""
    from studies.objective import run_trial

    return run_trial(job.experiment, job.params, job.slot)


def _process_pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_set_up)


def _submit(pool: Executor, job: Job) -> Future[TrialOutcome] | None:
    try:
        return pool.submit(evaluate, job)
    except BrokenProcessPool:
        return None


def _outcome(future: Future[TrialOutcome] | None) -> TrialOutcome | TrialFailure | None:
    if future is None:
        return None
    try:
        return future.result()
    except BrokenProcessPool:
        return None
    except Exception as error:  # whatever a trial raises is that trial's outcome
        reason = str(error).strip().splitlines() or ["no message"]
        return TrialFailure(f"{type(error).__name__}: {reason[0]}")


def _set_up() -> None:
    import torch

    torch.set_num_threads(1)
    # Ctrl-C reaches the whole group; the coordinator decides what to do about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """End with a coordinator that was killed: an idle worker would wait for jobs for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
