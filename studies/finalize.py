"""The end of a study's command: what a reader finds is brought up to date, zombies are failed."""

from importlib.util import find_spec

import optuna
from optuna_dashboard import get_note, save_note

from bench.experiment.model import Experiment
from bench.store import schema as tables
from bench.store.store import Store
from studies.dashboard.data import ReviewData
from studies.dashboard.finalists import save_finalists
from studies.dashboard.importance import importances
from studies.dashboard.note import note
from studies.dashboard.plots import save_plots
from studies.optuna_sync import fail_zombies, repair_trials
from studies.outcome import StudyResult, StudyTrial
from studies.plan import StudyPlan, study_of
from studies.protocol import described
from studies.results import result_of
from studies.slots import StudySlots


def finalize(
    study: optuna.Study, experiment: Experiment, plan: StudyPlan, total: int, store: Store
) -> StudyResult:
    """Repair what lost workers left, and write the note, the figures and the rows for reports."""
    section, slots = study_of(experiment), StudySlots(store, study.study_name)
    repair_trials(study, section, slots)
    fail_zombies(study, slots)
    result = result_of(store, section)
    shares = importances(study, section, plan)
    row = {
        "study": section.name,
        "kind": section.kind,
        "experiment": experiment.name,
        "protocol": described(experiment, section, plan),
        "best": _stored(result.best) if result.best else {},
        "front": [
            _stored(trial) | {"cost": trial.member_steps, "worst_regime": trial.worst}
            for trial in result.front
        ],
    }
    store.put(tables.studies, [row], replace=True)
    store.put(tables.importances, [{"study": section.name, "values": shares.shares}], replace=True)
    gains = store.rows(tables.gains, study=section.name)
    origins = [row["origin"] for row in slots.rows()]
    review = ReviewData(result, total, shares, gains, origins)
    text = note(experiment, plan, review)
    if text != get_note(study):  # each saving counts up a version
        save_note(study, text)
    save_finalists(study, plan, review)
    if find_spec("plotly"):
        save_plots(study, section, plan, review)
    return result


def _stored(trial: StudyTrial) -> dict[str, object]:
    """What mln_studies keeps of a trial."""
    kept = ("slot", "number", "value", "params")
    return {name: getattr(trial, name) for name in kept}
