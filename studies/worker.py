"""Trials in worker processes, which never touch the database."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.experiment import Experiment
from bench.pool import Finished, WorkerPool
from studies.outcome import Params, TrialFailure, TrialOutcome


class Job(NamedTuple):
    """A trial to be evaluated."""

    experiment: Experiment
    params: Params
    slot: int


class Workers(WorkerPool):
    """A pool whose jobs are trials.

    Each process uses one thread of its own: a trial's bits then depend neither on the number of
    workers nor on the machine's cores.
    """

    def evaluate(self, jobs: Sequence[Job]) -> list[TrialOutcome | TrialFailure]:
        """The outcomes of the jobs, in their order; an exception or a death is a failure."""
        outcomes = {item.job.slot: _outcome(item) for item in self.run(evaluate, jobs)}
        return [outcomes[job.slot] for job in jobs]


def evaluate(job: Job) -> TrialOutcome:
    """Evaluate a trial in this process; torch is imported here, not by the coordinator."""
    from studies.objective import run_trial

    return run_trial(job.experiment, job.params, job.slot)


def _outcome(finished: Finished[Job, TrialOutcome]) -> TrialOutcome | TrialFailure:
    if finished.result is not None:
        return finished.result
    reason = str(finished.error).strip().splitlines() or ["no message"]
    return TrialFailure(f"{type(finished.error).__name__}: {reason[0]}")
