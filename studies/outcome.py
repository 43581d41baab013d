"""What comes out of trials and studies: plain values, so that reading them imports no torch."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.experiment.model import Experiment

if TYPE_CHECKING:
    from mln.config import LossSpec

ParamValue = str | int | float
Params = dict[str, ParamValue]


class FamilyGain(NamedTuple):
    """A judged loss on one family: its gain on each of k tasks, [k], and how many diverged."""

    family: str
    tasks: NDArray[np.int64]
    gains: NDArray[np.float64]
    diverged: int


class Run(NamedTuple):
    """One evolution of a trial and what its loss gained.

    seed: the index of the evolution's seed; genome: [G]; history: a dict for each generation;
    switch: the member-steps at which a GA handed over to an ES; gains: by family.
    """

    seed: int
    spec: "LossSpec"
    genome: NDArray[np.float32]
    history: list[dict[str, object]]
    switch: int | None
    member_steps: int
    gains: tuple[FamilyGain, ...]

    @property
    def by_task(self) -> NDArray[np.float64]:
        """The gain on each task in the order they were drawn, [K]."""
        order = np.concatenate([found.tasks for found in self.gains])
        return np.concatenate([found.gains for found in self.gains])[np.argsort(order)]


class TrialOutcome(NamedTuple):
    """An evaluated trial.

    value: mean gain over tuned cross-entropy; of a pruned screen trial, at its last point.
    is_pruned: it was stopped early. steps and values: what was reported; runs: its evolutions.
    """

    value: float
    is_pruned: bool
    steps: tuple[int, ...]
    values: tuple[float, ...]
    runs: tuple[Run, ...]

    @property
    def member_steps(self) -> int:
        """What the evolutions spent."""
        return sum(run.member_steps for run in self.runs)

    @property
    def diverged(self) -> float:
        """The share of the judged learners that diverged."""
        found = [gain for run in self.runs for gain in run.gains]
        return sum(gain.diverged for gain in found) / max(sum(len(g.gains) for g in found), 1)


class StudyTrial(NamedTuple):
    """A finished slot: state `complete`, `pruned` or `fail`; value is that of a complete one.

    estimate: the value, or of a pruned one what it was at the end: a screen's last point, the
    mean of a confirmation's instances. is_feasible: not too many of its judged learners diverged.
    """

    slot: int
    number: int
    state: str
    value: float | None
    params: Params
    steps: tuple[int, ...]
    values: tuple[float, ...]
    member_steps: int
    is_feasible: bool
    estimate: float | None


class StudyProgress(NamedTuple):
    """How many of a study's slots are done, how many of those were pruned, and the best gain."""

    done: int
    total: int
    pruned: int
    best_value: float | None


class StudyResult(NamedTuple):
    """A study's finished slots in order; the best trial (None where there is none) and, with
    the cost as a second objective, the Pareto front."""

    name: str
    kind: str
    trials: tuple[StudyTrial, ...]
    best: StudyTrial | None
    front: tuple[StudyTrial, ...] = ()

    @property
    def failed(self) -> int:
        """The number of failed trials."""
        return sum(trial.state == "fail" for trial in self.trials)


def best_of(trials: tuple[StudyTrial, ...]) -> StudyTrial | None:
    """The feasible complete trial with the largest value; of equals the first."""
    return max(
        (trial for trial in trials if trial.value is not None and trial.is_feasible),
        key=lambda trial: (trial.value, -trial.slot),
        default=None,
    )


def front_of(trials: tuple[StudyTrial, ...]) -> tuple[StudyTrial, ...]:
    """The feasible trials that no other beats in both gain and member-steps, cheapest first."""
    feasible = [trial for trial in trials if trial.value is not None and trial.is_feasible]
    front: list[StudyTrial] = []
    for trial in sorted(feasible, key=lambda t: (t.member_steps, -(t.value or 0.0), t.slot)):
        if not front or (trial.value or 0.0) > (front[-1].value or 0.0):
            front.append(trial)
    return tuple(front)


Report = Callable[[float, int, bool], bool]
"""Told a value, its step, and if stopping here would spare anything; says whether to stop."""


class TrialJob(NamedTuple):
    """A trial to be evaluated."""

    experiment: Experiment
    params: Params
    slot: int


Evaluate = Callable[[TrialJob, Report], TrialOutcome]
