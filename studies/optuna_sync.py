"""What is told to Optuna after the store has it: its trials follow the slots."""

from collections.abc import Sequence
from contextlib import suppress

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from bench.experiment.study import ScreenStudy, StudyBase
from bench.store.store import Row
from studies.objectives import objective_values, regime_gains
from studies.outcome import Params, TrialOutcome
from studies.slots import MAX_DEATHS, LostSlot, StudySlots

NO_TRIAL = -1
"""The number in a row of mln_trials whose workers were all lost before they began a trial."""


def trial_row(
    study: str, slot: int, number: int | None, params: Params, outcome: TrialOutcome | None
) -> Row:
    """The row of mln_trials (bench.store.schema.trials); no outcome is a failure."""
    by_regime = regime_gains(outcome.families) if outcome else {}
    state = "fail" if outcome is None else "pruned" if outcome.is_pruned else "complete"
    return {
        "study": study,
        "slot": slot,
        "number": NO_TRIAL if number is None else number,
        "state": state,
        "value": outcome.value if outcome and state == "complete" else None,
        "params": params,
        "intermediate": {
            "step": list(outcome.steps) if outcome else [],
            "value": list(outcome.values) if outcome else [],
            "worst_regime": min(by_regime.values(), default=None),
        },
        "member_steps": outcome.member_steps if outcome else 0,
    }


def tell(study: optuna.Study, section: StudyBase, row: Row) -> None:
    """Tell Optuna of a finished slot, from its row of mln_trials.

    A trial that Wilcoxon's test stopped is complete with the mean of its instances, which the
    test keeps below the best one's: a pruned one would have its value at the largest step.
    """
    if row["state"] == "fail":
        fail_trial(study, row["number"])
        return
    try:
        if row["state"] == "pruned" and isinstance(section, ScreenStudy):
            study.tell(row["number"], state=TrialState.PRUNED, skip_if_finished=True)
            return
        study.tell(row["number"], objective_values(row, section), skip_if_finished=True)
    except UpdateFinishedTrialError:
        pass  # another worker has told the same at this moment


def fail_trial(study: optuna.Study, number: int) -> None:
    """Fail a trial unless it has ended."""
    with suppress(UpdateFinishedTrialError):
        study.tell(number, state=TrialState.FAIL, skip_if_finished=True)


def fail_lost(study: optuna.Study, slots: StudySlots, lost: Sequence[LostSlot]) -> None:
    """Fail the trials of lost workers, and the slots that cost too many of them."""
    for slot, number, params, deaths in lost:
        if number is not None:
            fail_trial(study, number)
        if deaths >= MAX_DEATHS:
            slots.give_up(slot, trial_row(study.study_name, slot, number, params or {}, None))


def repair_trials(study: optuna.Study, section: StudyBase, slots: StudySlots) -> None:
    """Tell Optuna of slots that were finished by a worker that was lost before it could."""
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    if running:
        for row in slots.finished([trial.number for trial in running]):
            tell(study, section, row)


def fail_zombies(study: optuna.Study, slots: StudySlots) -> None:
    """Fail the trials that run for no slot; call it when no slot is claimed."""
    if any(row["state"] == "claimed" for row in slots.rows()):
        return
    for trial in study.get_trials(deepcopy=False):
        if not trial.state.is_finished():
            fail_trial(study, trial.number)
