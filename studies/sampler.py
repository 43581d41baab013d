"""Samplers without a state of their own: what is proposed depends on the study and the slot.

A fresh sampler of the library for each slot, seeded by (seed, slot): a study that is stopped
between trials and resumed proposes what it would have proposed, and no worker repeats another.
"""

import warnings
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import HyperbandPruner
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.study import Study
from optuna.trial import FrozenTrial

from bench.experiment.study import StudyBase, TuningStudy
from studies.domains import Range
from studies.outcome import Params
from studies.plan import StudyPlan
from studies.seeds import Use, study_seed
from studies.space import Parameter

SLOT = "slot"
"""The user attribute that says which slot a trial worked on."""

MIN_TRIALS_TO_LEARN = 4
"""What a sampler learns from at least; under Hyperband that many of a trial's own bracket."""


class SlotSampler(BaseSampler):
    """Proposes the parameters of one slot at a time: `use` says which, before the trial begins.

    Known parameters (enqueued, a cell, a slot that is tried again) are proposed as they are;
    slots below `startup_trials` are random: the unbiased phase of the study.
    """

    def __init__(self, root: int, study: StudyBase, plan: StudyPlan) -> None:
        self._root, self._plan = root, plan
        self._kind = study.sampler if isinstance(study, TuningStudy) else "brute"
        self._startup = study.startup_trials if isinstance(study, TuningStudy) else 0
        self._is_joint = self._kind in ("gp", "cmaes", "qmc")
        self.use(0, None)

    def use(self, slot: int, params: Params | None) -> None:
        """The next trial is that of a slot, with these parameters if they are known."""
        self.slot, self._params = slot, params
        seed = int(study_seed(self._root, Use.SAMPLER, slot).generate_state(1)[0])
        self._inner = self._fresh(seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that are drawn jointly."""
        if self._params is not None or isinstance(self._inner, RandomSampler):
            return {}
        if self._is_joint:
            return {p.name: distribution(p) for p in self._plan.space.parameters}
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of the parameters that are drawn jointly."""
        if isinstance(self._inner, NSGAIISampler):
            # It counts generations by this; whatever is known belongs to one of them too.
            self._inner.get_trial_generation(study, trial)
        if not search_space:
            return {}
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The known value, or one drawn for a parameter by itself."""
        if self._params is not None and param_name in self._params:
            return self._params[param_name]
        return self._inner.sample_independent(study, trial, param_name, param_distribution)

    def _fresh(self, seed: int) -> BaseSampler:
        sampled = self.slot - len(self._plan.known)
        if self._kind == "qmc":
            return IndexedQMC(
                int(study_seed(self._root, Use.SAMPLER).generate_state(1)[0]), sampled
            )
        # The first generation of NSGA-II is random by itself.
        is_random = self._kind in ("random", "brute", "none") or self.slot < self._startup
        if is_random and self._kind != "nsga2":
            return RandomSampler(seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            if self._kind == "nsga2":
                return NSGAIISampler(seed=seed, population_size=population_of(self._startup))
            if self._kind == "gp":
                return GPSampler(
                    seed=seed, n_startup_trials=MIN_TRIALS_TO_LEARN, warn_independent_sampling=False
                )
            if self._kind == "cmaes":
                return CmaEsSampler(
                    seed=seed, n_startup_trials=MIN_TRIALS_TO_LEARN, warn_independent_sampling=False
                )
            return TPESampler(seed=seed, n_startup_trials=MIN_TRIALS_TO_LEARN, constant_liar=True)


def population_of(startup_trials: int) -> int:
    """The size of NSGA-II's population, whose first generation are a study's first trials."""
    return max(startup_trials, MIN_TRIALS_TO_LEARN)


class IndexedQMC(QMCSampler):
    """Point `index` of a scrambled Sobol sequence.

    Optuna's own counter lives in the study and is not incremented atomically: two workers may
    read the same one, and a slot that is tried again would move on.
    """

    def __init__(self, seed: int, index: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            super().__init__(scramble=True, seed=seed, warn_independent_sampling=False)
        self._index = index

    def _find_sample_id(self, _study: Study, _space: dict[str, BaseDistribution]) -> int:
        return self._index


class SlotHyperband(HyperbandPruner):
    """Hyperband whose bracket is decided by the slot, so that a slot tried again keeps its own.

    Optuna hashes the trial's number. `sampler` knows the slot of a trial that has just begun.
    """

    def __init__(self, sampler: SlotSampler, first: int, last: int, reduction: int) -> None:
        super().__init__(min_resource=first, max_resource=last, reduction_factor=reduction)
        self._sampler = sampler

    def _get_bracket_id(self, study: Study, trial: FrozenTrial) -> int:
        slot = trial.user_attrs.get(SLOT, self._sampler.slot)
        stand_in = _Numbered(slot)
        return super()._get_bracket_id(study, stand_in)  # type: ignore[arg-type]


class _Numbered:
    """All that Hyperband looks at when it chooses a bracket."""

    def __init__(self, number: int) -> None:
        self.number = number


def distribution(parameter: Parameter) -> BaseDistribution:
    """Optuna's distribution of a parameter, the same that `Space.suggest` asks for."""
    domain = parameter.domain
    if not isinstance(domain, Range):
        return CategoricalDistribution(domain.values)
    if domain.is_whole:
        low, high, step = int(domain.low), int(domain.high), int(domain.step or 1)
        return IntDistribution(low, high, log=domain.log, step=step)
    return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
