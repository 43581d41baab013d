"""What a study optimises, and which of its trials it chooses."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from bench.experiment.study import ScreenStudy, StudyBase
from bench.store.store import Row
from bench.tasks.resolve import resolve
from studies.outcome import StudyTrial, estimate_of

METRIC = "gain over tuned CE"
COST = "member-steps"
WORST = "gain on the worst regime"
CLEAN = "clean"


class Second(NamedTuple):
    """A second objective: its name, Optuna's direction, and its value in a trial or its row."""

    name: str
    direction: Literal["maximize", "minimize"]
    of_trial: Callable[[StudyTrial], float | None]
    of_row: Callable[[Row], float | None]


OF_COST = Second(
    COST, "minimize", lambda trial: trial.member_steps, lambda row: row["member_steps"]
)
OF_WORST = Second(
    WORST,
    "maximize",
    lambda trial: trial.worst,
    lambda row: row["intermediate"].get("worst_regime"),
)


def second_of(study: StudyBase) -> Second | None:
    """The study's second objective, None where it has one objective alone."""
    if not isinstance(study, ScreenStudy):
        return None
    return OF_COST if study.cost else OF_WORST if study.has_worst_regime else None


def objective_values(row: Row, study: StudyBase) -> float | list[float] | None:
    """What Optuna is told of a finished row of mln_trials."""
    second = second_of(study)
    if second is None:
        return estimate_of(row, study)
    other = second.of_row(row)
    assert other is not None
    return [row["value"], float(other)]


def regime_of(family: str) -> str:
    """What is done to the tasks of a family that is judged on, `clean` for nothing."""
    return resolve(family).regime or CLEAN


def regime_gains(families: Iterable[tuple[str, float, int]]) -> dict[str, float]:
    """The mean gain on each regime from (family, mean gain, tasks), over all tasks of it."""
    sums: dict[str, tuple[float, int]] = {}
    for family, gain, tasks in families:
        total, count = sums.get(regime_of(family), (0.0, 0))
        sums[regime_of(family)] = (total + gain * tasks, count + tasks)
    return {regime: total / count for regime, (total, count) in sums.items()}


def eligible(trials: Iterable[StudyTrial]) -> list[StudyTrial]:
    """The complete and feasible trials, the largest value first; of equals the first slot."""
    complete = [trial for trial in trials if trial.value is not None and trial.is_feasible]
    return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.slot))


def best_of(trials: Iterable[StudyTrial], study: StudyBase) -> StudyTrial | None:
    """The trial that the study chooses; None where none is eligible.

    That is the one with the largest value; where the worst regime is an objective, of those whose
    worst regime gains more than the study asks for, or else the one whose worst regime is best.
    """
    ranked = eligible(trials)
    if not isinstance(study, ScreenStudy) or not study.has_worst_regime:
        return next(iter(ranked), None)
    for trial in ranked:
        if keeps_rule(trial, study):
            return trial
    return max(ranked, key=_worst, default=None)


def keeps_rule(trial: StudyTrial, study: ScreenStudy) -> bool:
    """Whether a trial's worst regime gains more than the study asks for."""
    return _worst(trial) > study.min_worst_regime


def front_of(trials: Iterable[StudyTrial], study: StudyBase) -> tuple[StudyTrial, ...]:
    """The eligible trials that no other beats in both objectives, the best in the second first;
    empty where there is one objective."""
    second = second_of(study)
    if second is None:
        return ()
    sign = 1 if second.direction == "minimize" else -1

    def rank(trial: StudyTrial) -> float:
        value = second.of_trial(trial)
        return float("inf") if value is None else sign * value

    front: list[StudyTrial] = []
    # The sort is stable: of equals in the second objective the largest value comes first.
    for trial in sorted(eligible(trials), key=rank):
        if not front or (trial.value or 0.0) > (front[-1].value or 0.0):
            front.append(trial)
    return tuple(front)


def _worst(trial: StudyTrial) -> float:
    return float("-inf") if trial.worst is None else trial.worst
