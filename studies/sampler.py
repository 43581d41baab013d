"""TPE without a state: what is proposed depends on the trials so far and the trial's number."""

from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from bench.seeds import Purpose, seed_for

SAMPLER = 2
"""The seeds of a study's sampler; those at 0 and 1 are the objective's."""


class SeededTPE(BaseSampler):
    """The tree-structured Parzen estimator (Bergstra et al. 2011), seeded per draw.

    A fresh TPESampler for each (trial number, parameter) instead of one that advances through
    the study: a study that is resumed, even in the middle of a trial's parameters, proposes what
    it would have proposed. The running trials of a batch count as bad ones (constant liar), so
    that a batch does not repeat itself.
    """

    def __init__(self, root: int, names: Sequence[str], startup_trials: int) -> None:
        self._root = root
        self._names = tuple(names)
        self._startup_trials = startup_trials

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that all complete trials share; they are drawn jointly."""
        return self._tpe(trial.number, 0).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of the jointly drawn parameters."""
        return self._tpe(trial.number, 0).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The value of a conditional parameter, or of any during the random phase."""
        tpe = self._tpe(trial.number, 1 + self._names.index(param_name))
        return tpe.sample_independent(study, trial, param_name, param_distribution)

    def _tpe(self, number: int, index: int) -> TPESampler:
        seed = seed_for(self._root, Purpose.STUDY, SAMPLER, number, index)
        return TPESampler(
            n_startup_trials=self._startup_trials,
            seed=int(seed.generate_state(1)[0]),
            constant_liar=True,
        )
