"""Notes on the trials that a reader will open: the chosen one, the front, what has a name."""

from types import SimpleNamespace

import optuna
from optuna.trial import FrozenTrial
from optuna_dashboard import get_note, save_note

from bench.experiment.study import called
from studies.dashboard.answer import against, named_trials
from studies.dashboard.data import ReviewData
from studies.naming import trial_name
from studies.objectives import regime_gains
from studies.outcome import StudyTrial
from studies.plan import StudyPlan

MAX_FINALISTS = 8
"""Notes lie in the study's attributes, which the dashboard reads whole: few trials have one."""


def save_finalists(study: optuna.Study, plan: StudyPlan, review: ReviewData) -> None:
    """Write a note on each finalist, in Optuna."""
    trials = {trial.number: trial for trial in study.get_trials(deepcopy=False)}
    for one in finalists(review):
        own = trials[one.number]
        place = SimpleNamespace(storage=study._storage, study=study, _trial_id=own._trial_id)
        text = finalist_note(plan, review, one, own)
        if text != get_note(place):
            save_note(place, text)


def finalists(review: ReviewData) -> list[StudyTrial]:
    """The chosen trial, those with a name and the front, each once."""
    result = review.result
    wanted = [*([result.best] if result.best else []), *named_trials(review), *result.front]
    complete = {trial.slot: trial for trial in wanted if trial.state != "fail"}
    return list(complete.values())[:MAX_FINALISTS]


def finalist_note(
    plan: StudyPlan, review: ReviewData, trial: StudyTrial, stored: FrozenTrial
) -> str:
    """What a trial is, what it gains on each regime, and its loss as a formula."""
    best, name = review.result.best, called(review.origins[trial.slot])
    gain = "stopped early" if trial.value is None else f"{100 * trial.value:+.2f} points over CE"
    head = f"**{trial_name(plan.space, trial.params)}**{f' ({name})' if name else ''}: {gain}."
    parts = [head + (" The chosen trial." if best and best.slot == trial.slot else "")]
    if best and best.slot != trial.slot and trial.value is not None:
        parts.append(f"The chosen one, trial {best.number}. {against(review, best, trial)}.")
    families = [
        (row["family"], row["gain"], row["tasks"])
        for row in review.gains
        if row["slot"] == trial.slot
    ]
    lines = [f"| {regime} | {100 * g:+.2f} |" for regime, g in regime_gains(families).items()]
    parts.append("\n".join(["| regime | gain (points) |", "| --- | --- |", *lines]))
    if law := stored.user_attrs.get("law"):
        parts.append(f"**Law.** `{law}`. `mln-bench explain` says in words what its file below is.")
    parts.append("Its history and its learning curve are in the picture `trial.png` below.")
    return "\n\n".join(parts)
