"""What must hold of the store and of Optuna whenever a study has ended."""

import optuna
from optuna.trial import TrialState

from bench.store import schema as tables
from bench.store.store import Store
from studies.objectives import second_of
from studies.sampler import SLOT
from studies.storage import opened


def check_consistency(experiment, url, total):
    """Every slot done once, and Optuna agrees with the store; the rows of the slots."""
    store = Store(url, create=False)
    slots, rows = store.rows(tables.slots), store.rows(tables.trials)
    store.close()
    assert [(row["slot"], row["state"]) for row in slots] == [(k, "done") for k in range(total)]
    assert [row["slot"] for row in rows] == list(range(total))
    with opened(url) as storage:
        study = optuna.load_study(study_name=experiment.study.name, storage=storage)
        trials = study.get_trials()
    ended = {trial.number: trial for trial in trials if trial.state != TrialState.FAIL}
    assert all(trial.state.is_finished() for trial in trials)
    assert sorted(ended) == sorted(row["number"] for row in rows if row["state"] != "fail")
    for row in rows:
        if row["state"] == "fail":
            continue
        trial = ended[row["number"]]
        assert trial.user_attrs[SLOT] == row["slot"]
        assert trial.params == row["params"]
        if second := second_of(experiment.study):  # Optuna keeps no reports of two objectives
            assert trial.values == [row["value"], second.of_row(row)]
        else:
            assert list(trial.intermediate_values.values()) == row["intermediate"]["value"]
        if row["state"] == "complete":
            assert trial.values[0] == row["value"]
        assert list(trial.constraints.values()) == [0.0]
    return slots
