"""Which parameters matter: estimated on the trials that no sampler has steered."""

import warnings
from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from bench.experiment.study import AblateStudy, ConfirmStudy, StudyBase, TuningStudy
from studies.dashboard.data import Importances
from studies.plan import StudyPlan
from studies.sampler import SLOT

MIN_TRIALS_FOR_SHARES = 4
"""With fewer random trials no shares are estimated."""

TRIALS_FOR_EVIDENCE = 50
"""PED-ANOVA looks at the best tenth of the trials and asks for five or more of them."""


def importances(study: optuna.Study, section: StudyBase, plan: StudyPlan) -> Importances:
    """The share of each parameter in reaching the best trials; empty where that means nothing.

    PED-ANOVA (Watanabe et al. 2023), which handles conditional parameters, on the random phase:
    where a sampler has concentrated, a parameter looks unimportant. A trial that was stopped
    early counts too: all are compared at the last point that every one has reached.
    """
    trials = unbiased(study, section, plan)
    if len(trials) < MIN_TRIALS_FOR_SHARES:
        return Importances({}, len(trials), None)
    values, point = _common(trials, section)
    if len(set(values)) == 1:
        return Importances({}, len(trials), point)
    shadow = optuna.create_study(direction="maximize")
    for trial, value in zip(trials, values, strict=True):
        shadow.add_trial(
            create_trial(params=trial.params, distributions=trial.distributions, value=value)
        )
    with warnings.catch_warnings():
        # The note says that few trials make the shares rough.
        warnings.filterwarnings("ignore", message="Some regimes for parameter")
        shares = optuna.importance.get_param_importances(shadow)
    return Importances({k: float(v) for k, v in shares.items()}, len(trials), point)


def unbiased(study: optuna.Study, section: StudyBase, plan: StudyPlan) -> list[FrozenTrial]:
    """The trials whose parameters were drawn at random, neither enqueued nor proposed."""
    if isinstance(section, AblateStudy):
        return []
    assert isinstance(section, TuningStudy)
    end = (
        section.startup_trials if section.sampler in ("tpe", "nsga2", "gp", "cmaes") else plan.total
    )
    if section.sampler == "none":
        return []
    first = 0 if section.sampler == "brute" else len(plan.known)
    ended = (TrialState.COMPLETE, TrialState.PRUNED)
    return [
        trial
        for trial in study.get_trials(deepcopy=False, states=ended)
        if first <= trial.user_attrs.get(SLOT, -1) < end
    ]


def _common(trials: Sequence[FrozenTrial], section: StudyBase) -> tuple[list[float], str | None]:
    """A value of each trial that can be compared, and where it was taken."""
    reports = [list(trial.intermediate_values.values()) for trial in trials]
    common = min(map(len, reports))
    if not common:  # objectives are two: nothing is reported, nothing is stopped
        return [float(trial.values[0]) for trial in trials], None
    if isinstance(section, ConfirmStudy):
        is_whole = common == section.seeds * section.tasks
        point = None if is_whole else f"the first {common} instances"
        return [sum(values[:common]) / common for values in reports], point
    step = sorted(trials[0].intermediate_values)[common - 1]
    point = None if step == section.budget else f"{step:,} member-steps"
    return [trial.intermediate_values[step] for trial in trials], point
