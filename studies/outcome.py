"""What comes out of trials and studies: plain values, so that reading them imports no torch."""

from typing import NamedTuple

from mln.config import EvolutionConfig

ParamValue = str | int | float
Params = dict[str, ParamValue]


class TrialOutcome(NamedTuple):
    """An evaluated trial.

    value: gain of the final genome over tuned cross-entropy, a fraction of accuracy; values: the
    gains of the incumbents at `steps` (member-steps), the last of which is `value`;
    member_steps: what the evolution spent.
    """

    value: float
    steps: tuple[int, ...]
    values: tuple[float, ...]
    member_steps: int


class TrialFailure(NamedTuple):
    """A trial that could not be evaluated, with the reason on one line."""

    reason: str


class StudyTrial(NamedTuple):
    """A finished trial: state `complete`, or `fail` with value None and no intermediate values."""

    number: int
    state: str
    value: float | None
    params: Params
    steps: tuple[int, ...]
    values: tuple[float, ...]
    member_steps: int


class StudyProgress(NamedTuple):
    """How many of a study's trials are finished, and the best gain among them."""

    done: int
    total: int
    best_value: float | None


class StudyResult(NamedTuple):
    """A study's finished trials by number, and the best of the complete ones.

    The best are None where every trial failed. `best_config` are the evolution's settings with
    the best parameters, at the evolution's own budget.
    """

    name: str
    trials: tuple[StudyTrial, ...]
    best_params: Params | None
    best_value: float | None
    best_config: EvolutionConfig | None

    @property
    def failed(self) -> int:
        """The number of failed trials."""
        return sum(trial.state == "fail" for trial in self.trials)


def best_of(trials: tuple[StudyTrial, ...]) -> StudyTrial | None:
    """The complete trial with the largest value; of equals the first."""
    return max(
        (trial for trial in trials if trial.value is not None),
        key=lambda trial: (trial.value, -trial.number),
        default=None,
    )
