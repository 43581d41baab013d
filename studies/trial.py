"""A trial as workers pass it around. Importing it imports no torch."""

from collections.abc import Callable
from typing import NamedTuple

from bench.experiment import Experiment
from studies.outcome import Params, TrialOutcome

Report = Callable[[float, int, bool], bool]
"""Told a value, its step, and if stopping here would spare anything; says whether to stop."""


class TrialJob(NamedTuple):
    """A trial to be evaluated."""

    experiment: Experiment
    params: Params
    slot: int


Evaluate = Callable[[TrialJob, Report], TrialOutcome]


def evaluate_trial(job: TrialJob, report: Report) -> TrialOutcome:
    """Evaluate a trial; torch is imported here."""
    from studies.objective import evaluate

    return evaluate(job, report)
