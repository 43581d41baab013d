"""The end of a study's command: what a reader finds is brought up to date, zombies are failed."""

from importlib.util import find_spec

import optuna
from optuna_dashboard import get_note, save_note

from bench.experiment.model import Experiment
from bench.store import schema as tables
from bench.store.store import Store
from studies.dashboard.importance import importances
from studies.dashboard.note import note
from studies.dashboard.plots import save_plots
from studies.outcome import StudyResult, StudyTrial
from studies.plan import Plan, study_of
from studies.protocol import described
from studies.results import result_of
from studies.slots import Slots
from studies.telling import fail_zombies, mend


def finalize(
    study: optuna.Study, experiment: Experiment, plan: Plan, total: int, store: Store
) -> StudyResult:
    """Mend what lost workers left, and write the note, the figures and the rows for reports."""
    section, slots = study_of(experiment), Slots(store, study.study_name)
    mend(study, section, slots)
    fail_zombies(study, slots)
    result = result_of(store, section)
    shares = importances(study, section, plan)
    gains = store.rows(tables.gains, study=section.name)
    best = _plain(result.best)
    row = {
        "study": section.name,
        "kind": section.kind,
        "experiment": experiment.name,
        "protocol": described(experiment, section, plan),
        "best": best,
        "front": [_plain(trial) | {"cost": trial.member_steps} for trial in result.front],
    }
    store.put(tables.studies, [row], replace=True)
    shown = [{"study": section.name, "values": shares.shares}]
    store.put(tables.importances, shown, replace=True)
    origins = [row["origin"] for row in slots.rows()]
    text = note(experiment, plan, result, total, shares, gains, origins)
    if text != get_note(study):  # each saving counts up a version
        save_note(study, text)
    if find_spec("plotly"):
        save_plots(study, section, plan, result, shares, gains)
    return result


def _plain(trial: StudyTrial | None) -> dict[str, object]:
    if trial is None:
        return {}
    kept = ("slot", "number", "value", "params")
    return {name: getattr(trial, name) for name in kept}
