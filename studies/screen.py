"""Run a study: batches of trials, proposed by TPE, evaluated by worker processes.

One coordinator asks and tells; do not run two on the same study at a time.
"""

from collections.abc import Callable

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from bench import store as tables
from bench.errors import InputError
from bench.experiment import Experiment, StudySection
from bench.store import Store
from bench.tasks.register import parse
from mln.config import EvolutionConfig
from studies import space
from studies.outcome import (
    Params,
    StudyProgress,
    StudyResult,
    StudyTrial,
    TrialFailure,
    TrialOutcome,
    best_of,
)
from studies.publish import publish, save_failure
from studies.sampler import SeededTPE
from studies.storage import create_study, find_study, study_section
from studies.worker import Job, Workers

Report = Callable[[StudyProgress], None]


def run_study(
    experiment: Experiment,
    url: str,
    *,
    workers: int = 1,
    trials: int | None = None,
    progress: Report | None = None,
) -> StudyResult:
    """Bring the experiment's study to `trials` finished trials (default: `study.trials`).

    A batch is proposed as a whole, evaluated, and told in the order of its numbers, so that the
    result does not depend on the number of workers. A study that was interrupted or killed goes
    on with the batch it was in and equals an uninterrupted one bit for bit; at most that batch is
    computed again. Extending a finished study keeps its trials. `progress` is called at the start
    and after each batch. A trial that raises is finished as failed, and the study goes on.

    Raises:
        InputError: settings, storage or study do not fit; nothing was evaluated.
        KeyboardInterrupt: the workers are ended at once; running this again continues.
    """
    section = study_section(experiment)
    total = section.trials if trials is None else trials
    for name, value in (("workers", workers), ("trials", total)):
        if value < 1:
            raise InputError(f"{name} must be at least 1, not {value}")
    _check(experiment)
    store = Store(url)
    try:
        study = create_study(
            experiment, url, SeededTPE(experiment.seed, space.NAMES, section.startup_trials)
        )
        store.put(tables.trials, [_row(study, trial) for trial in finished(study)], replace=True)
        _report(study, total, progress)
        with Workers(min(workers, section.batch)) as crew:
            while batch := _next_batch(study, section, total):
                jobs = [Job(experiment, params, trial.number) for trial, params in batch]
                outcomes = crew.evaluate(jobs)
                for (trial, _), outcome in zip(batch, outcomes, strict=True):
                    _tell(study, trial, outcome)
                rows = [_row(study, trial) for trial in finished(study)]
                store.put(tables.trials, rows, replace=True)
                _report(study, total, progress)
        publish(study, experiment, finished(study), store)
        return _result(study, experiment)
    finally:
        store.close()


def best_settings(experiment: Experiment, url: str) -> EvolutionConfig | None:
    """The evolution's settings that the study found best, at the evolution's own budget.

    Only the first `study.trials` trials count, so that the answer depends on the experiment
    alone. None if the study is not there or has fewer; nothing is written.

    Raises:
        InputError: the study has another configuration, all its trials failed, or the budget is
            less than one generation of the best population.
    """
    section = study_section(experiment)
    study = find_study(experiment, url)
    if study is None:
        return None
    trials = tuple(trial for trial in finished(study) if trial.number < section.trials)
    if len(trials) < section.trials:
        return None
    best = best_of(trials)
    if best is None:
        raise InputError(
            f"study {section.name!r}: all {section.trials} trials failed; see their notes in the "
            "dashboard, then choose another study.name"
        )
    return _settings(experiment, best.params)


def finished(study: optuna.Study) -> tuple[StudyTrial, ...]:
    """The study's complete and failed trials, by number."""
    trials = study.get_trials(deepcopy=False)
    return tuple(_read(trial) for trial in trials if trial.state.is_finished())


def _next_batch(
    study: optuna.Study, section: StudySection, total: int
) -> list[tuple[Trial, Params]]:
    """The batch in work, or the next: what a kill left running, topped up with new trials.

    Batches start at multiples of their size, so that a batch looks the same after a resume.
    """
    known = study.get_trials(deepcopy=False)
    running = [trial for trial in known if not trial.state.is_finished()]
    first = running[0].number if running else len(known)
    end = min((first // section.batch + 1) * section.batch, total)
    batch = []
    for left in running:
        trial = Trial(study, left._trial_id)
        batch.append((trial, space.suggest(trial, section)))
    for _ in range(len(known), end):
        # Each trial has all its parameters before the next is asked for, which sees them.
        trial = study.ask()
        batch.append((trial, space.suggest(trial, section)))
    return batch


def _tell(study: optuna.Study, trial: Trial, outcome: TrialOutcome | TrialFailure) -> None:
    if isinstance(outcome, TrialFailure):
        save_failure(trial, outcome.reason)
        study.tell(trial, state=TrialState.FAIL)
        return
    reported = study.get_trials(deepcopy=False)[trial.number].intermediate_values
    for step, value in zip(outcome.steps, outcome.values, strict=True):
        if step not in reported:  # a kill may have come between the reports
            trial.report(value, step)
    trial.set_user_attr("member_steps", outcome.member_steps)
    study.tell(trial, outcome.value)


def _read(trial: FrozenTrial) -> StudyTrial:
    is_complete = trial.state == TrialState.COMPLETE
    intermediate = sorted(trial.intermediate_values.items()) if is_complete else []
    return StudyTrial(
        number=trial.number,
        state=trial.state.name.lower(),
        value=trial.value if is_complete else None,
        params=dict(trial.params),
        steps=tuple(step for step, _ in intermediate),
        values=tuple(value for _, value in intermediate),
        member_steps=trial.user_attrs.get("member_steps", 0),
    )


def _row(study: optuna.Study, trial: StudyTrial) -> tables.Row:
    return {
        "study": study.study_name,
        "slot": trial.number,
        "number": trial.number,
        "state": trial.state,
        "value": trial.value,
        "params": trial.params,
        "intermediate": {"step": list(trial.steps), "value": list(trial.values)},
        "member_steps": trial.member_steps,
    }


def _report(study: optuna.Study, total: int, progress: Report | None) -> None:
    if progress:
        trials = finished(study)
        best = best_of(trials)
        done = len(trials)
        progress(StudyProgress(done, max(done, total), best.value if best else None))


def _result(study: optuna.Study, experiment: Experiment) -> StudyResult:
    trials = finished(study)
    best = best_of(trials)
    return StudyResult(
        name=study.study_name,
        trials=trials,
        best_params=best.params if best else None,
        best_value=best.value if best else None,
        best_config=_settings(experiment, best.params) if best else None,
    )


def _settings(experiment: Experiment, params: Params) -> EvolutionConfig:
    if experiment.evolution is None:
        raise InputError(f"experiment {experiment.name!r} has no [evolution] section; add one")
    try:
        return space.apply(params, experiment.evolution.settings)
    except ValueError as error:
        raise InputError(f"evolution.settings with the study's best parameters: {error}") from error


def _check(experiment: Experiment) -> None:
    """Refuse what would fail in every trial, before anything is written."""
    space.check(experiment)
    if experiment.study and experiment.evolution:
        for name in (*experiment.evolution.families, *experiment.study.families):
            parse(name)
