"""What the store knows of a study: its trials, its best, and the experiment with the best."""

from bench.errors import InputError
from bench.experiment.model import EvolutionSection, Experiment
from bench.experiment.study import BUDGET, StudyBase
from bench.store import schema as tables
from bench.store.store import Store
from studies.objectives import best_of, front_of
from studies.outcome import (
    Params,
    StudyResult,
    StudyTrial,
    diverged_share,
    estimate_of,
    violation,
)
from studies.plan import StudyPlan, plan, space_of, study_of
from studies.storage import has_study


def trials_of(store: Store, study: StudyBase) -> tuple[StudyTrial, ...]:
    """The finished slots of a study, in order."""
    learners: dict[int, list[tuple[int, int]]] = {}
    for row in store.rows(tables.gains, study=study.name):
        learners.setdefault(row["slot"], []).append((row["diverged"], row["tasks"]))
    return tuple(
        StudyTrial(
            row["slot"],
            row["number"],
            row["state"],
            row["value"],
            row["params"],
            tuple(row["intermediate"]["step"]),
            tuple(row["intermediate"]["value"]),
            row["member_steps"],
            violation(diverged_share(learners.get(row["slot"], ())), study) <= 0,
            estimate_of(row, study),
            row["intermediate"].get("worst_regime"),
        )
        for row in store.rows(tables.trials, study=study.name)
    )


def result_of(store: Store, study: StudyBase) -> StudyResult:
    """What a study has as its result so far."""
    trials = trials_of(store, study)
    best, front = best_of(trials, study), front_of(trials, study)
    return StudyResult(study.name, study.kind, trials, best, front)


def incumbent_of(experiment: Experiment, url: str) -> Params | None:
    """The best parameters of the study that a confirmation names, if it names one.

    Raises:
        InputError: that study is not there, or none of its trials is complete.
    """
    study = study_of(experiment)
    name = getattr(study, "incumbent_from", None)
    if name is None:
        return None
    store = Store(url, create=False)
    try:
        rows = store.rows(tables.studies, study=name)
    finally:
        store.close()
    if not rows or not rows[0]["best"]:
        raise InputError(
            f"study.incumbent_from: no finished study {name!r} with a feasible trial in this "
            "storage; run it first"
        )
    params: Params = rows[0]["best"]["params"]
    return params


def planned(experiment: Experiment, url: str) -> StudyPlan:
    """The experiment's plan, with the incumbent that it names.

    Raises:
        InputError: as `plan` and `incumbent_of`.
    """
    return plan(experiment, incumbent_of(experiment, url))


def best_evolution(experiment: Experiment, url: str) -> EvolutionSection | None:
    """The evolution with the settings that its study found best, at its own budget.

    Only the slots that the study declares count, so that the answer depends on the experiment
    alone. None if the study is not there or not finished; nothing is written.

    Raises:
        InputError: the study has another configuration, none of its trials is both complete and
            feasible, or the budget is less than one generation of the best settings.
    """
    study = study_of(experiment)
    if not has_study(experiment, url):
        return None
    total = planned(experiment, url).total
    store = Store(url, create=False)
    try:
        trials = tuple(trial for trial in trials_of(store, study) if trial.slot < total)
    finally:
        store.close()
    if len(trials) < total:
        return None
    best = best_of(trials, study)
    if best is None:
        raise InputError(
            f"study {study.name!r}: none of its {total} trials is complete and feasible; see their "
            "notes in the dashboard, then choose another study.name"
        )
    return with_best(experiment, best.params)


def with_best(experiment: Experiment, params: Params) -> EvolutionSection:
    """The experiment's evolution with a trial's parameters, at its own budget.

    Raises:
        InputError: the settings do not go together with the evolution's own.
    """
    own = {key: value for key, value in params.items() if key != BUDGET}
    try:
        return space_of(experiment).apply(own)
    except ValueError as error:
        raise InputError(f"evolution with the study's best parameters: {error}") from error
