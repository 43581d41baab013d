"""What is asked of a trial and what comes out of trials and studies: plain values, no torch."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.experiment.model import Experiment
from bench.experiment.study import ScreenStudy, StudyBase
from bench.store.store import Row
from mln.config import LossSpec

ParamValue = str | int | float
Params = dict[str, ParamValue]


class TrialJob(NamedTuple):
    """A trial to be evaluated."""

    experiment: Experiment
    params: Params
    slot: int


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
    spec: LossSpec
    genome: NDArray[np.float32]
    history: list[dict[str, object]]
    switch: int | None
    member_steps: int
    gains: tuple[FamilyGain, ...]

    @property
    def by_task(self) -> NDArray[np.float64]:
        """The gain on each task in the order they were drawn, [K]."""
        order = np.concatenate([family.tasks for family in self.gains])
        return np.concatenate([family.gains for family in self.gains])[np.argsort(order)]


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
    def families(self) -> list[tuple[str, float, int]]:
        """Of every run: each family that it was judged on, its mean gain there, and the tasks."""
        judged = [family for run in self.runs for family in run.gains]
        return [(one.family, float(one.gains.mean()), len(one.gains)) for one in judged]

    @property
    def diverged(self) -> float:
        """The share of the judged learners that diverged."""
        families = [family for run in self.runs for family in run.gains]
        return diverged_share((family.diverged, len(family.gains)) for family in families)


ReportValue = Callable[[float, int, bool], bool]
"""Takes a value, its step, and whether stopping here would save any work; says whether to stop."""

Evaluate = Callable[[TrialJob, ReportValue], TrialOutcome]


class StudyTrial(NamedTuple):
    """A finished slot: state `complete`, `pruned` or `fail`; value is that of a complete one.

    estimate: the value, or of a pruned one what it was at the end (`estimate_of`).
    is_feasible: not too many of its judged learners diverged. worst: the mean gain on the regime
    where that is least, None where nothing was judged.
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
    worst: float | None = None


class StudyProgress(NamedTuple):
    """How many of a study's slots are done, how many of those were pruned, and the best gain."""

    done: int
    total: int
    pruned: int
    best_value: float | None


class StudyResult(NamedTuple):
    """A study's finished slots in order; the chosen trial (None where there is none) and, with
    a second objective, the Pareto front."""

    name: str
    kind: str
    trials: tuple[StudyTrial, ...]
    best: StudyTrial | None
    front: tuple[StudyTrial, ...] = ()

    @property
    def failed(self) -> int:
        """The number of failed trials."""
        return sum(trial.state == "fail" for trial in self.trials)


def diverged_share(counts: Iterable[tuple[int, int]]) -> float:
    """The share of diverged learners in pairs (diverged, judged); 0 where none was judged."""
    pairs = list(counts)
    return sum(diverged for diverged, _ in pairs) / max(sum(judged for _, judged in pairs), 1)


def violation(diverged: float, study: StudyBase) -> float:
    """How far a share of diverged learners lies above what the study allows.

    A trial is feasible where this is not positive.
    """
    return diverged - study.max_diverged


def estimate_of(row: Row, study: StudyBase) -> float | None:
    """The value of a row of mln_trials; of a pruned one what it was at the end.

    That is a screen's last point, or the mean of a confirmation's instances so far.
    """
    reported = row["intermediate"]["value"]
    if row["state"] != "pruned" or not reported:
        value: float | None = row["value"]
        return value
    return float(reported[-1] if isinstance(study, ScreenStudy) else sum(reported) / len(reported))
