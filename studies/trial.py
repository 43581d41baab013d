"""A trial as workers pass it around. Importing it imports no torch."""

from collections.abc import Callable
from typing import NamedTuple

from bench.experiment import Experiment
from studies.outcome import Params, TrialOutcome

Report = Callable[[float, int], bool]
"""Told a value and its step; says whether to stop here."""


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
