"""What the libraries do not do yet: a failure here says that a workaround can go."""

import math

import optuna
import optuna_dashboard
import pytest
from optuna.storages import RDBStorage
from optuna_dashboard import _serializer

from studies.domains import Range
from studies.sampler import IndexedQMC, distribution
from studies.space import Parameter


@pytest.fixture
def storage(tmp_path):
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        storage = RDBStorage(f"sqlite:///{tmp_path}/o.db", heartbeat_interval=1, grace_period=1)
    yield storage
    storage.remove_session()
    storage.engine.dispose()


def test_optunas_heartbeat_overlooks_a_trial_that_died_before_its_first_beat(storage):
    """So slots have a heartbeat of their own (studies/slots.py)."""
    study = optuna.create_study(storage=storage)
    with pytest.warns(UserWarning, match=r"supposed to be used with Study\.optimize"):
        study.ask()
    assert storage._get_stale_trial_ids(study._study_id) == []
    table = "select count(*) from trial_heartbeats"
    with storage.engine.connect() as connection:
        assert connection.exec_driver_sql(table).scalar() == 0


def test_enqueue_trial_ignores_unknown_names_and_takes_values_out_of_range():
    """So what is enqueued is validated (studies/space.py)."""
    study = optuna.create_study()
    study.enqueue_trial({"x": 5.0, "nonsense": 1})
    trial = study.ask()
    with pytest.warns(UserWarning, match="out of range"):
        assert trial.suggest_float("x", 0, 1) == 5.0
    assert set(trial.params) == {"x"}


def test_a_pruned_trial_has_its_value_at_the_largest_step():
    """So a confirmation's stopped trial is told complete with its mean (studies/optuna_sync.py)."""
    study = optuna.create_study()
    trial = study.ask()
    for step, value in ((7, 0.7), (2, 0.2)):
        trial.report(value, step)
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    assert study.trials[0].value == 0.7


def test_hyperbands_bracket_hangs_on_the_number_and_on_nothing_else():
    """SlotHyperband gives it the slot instead (studies/sampler.py)."""
    study = optuna.create_study(study_name="s")
    pruner = optuna.pruners.HyperbandPruner(1, 9, 3)
    pruner._try_initialization(study)

    class Numbered:
        number = 3

    brackets = set()
    for number in range(30):
        Numbered.number = number
        brackets.add(pruner._get_bracket_id(study, Numbered()))
    assert brackets == {0, 1, 2}


def test_the_points_of_a_qmc_sequence_can_be_named():
    """Optuna's own counter of them is not atomic."""
    space = {
        "x": distribution(Parameter("x", Range(0.0, 1.0))),
        "y": distribution(Parameter("y", Range(1, 9))),
    }
    study = optuna.create_study()
    trial = study.ask()
    points = [IndexedQMC(5, k).sample_relative(study, trial, space)["x"] for k in (0, 1, 2, 3)]
    again = IndexedQMC(5, 2).sample_relative(study, trial, space)["x"]
    assert again == points[2]
    assert sorted(math.floor(4 * x) for x in points) == [0, 1, 2, 3]


def test_the_dashboard_reads_constraints_from_the_legacy_place_alone():
    """So feasibility is in the user attributes and in the note (studies/records.py, note.py)."""
    assert optuna_dashboard.__version__.startswith("0.21")
    study = optuna.create_study()
    trial = study.ask()
    trial.set_constraint("diverged", 1.0)
    study.tell(trial, 1.0)
    (frozen,) = study.get_trials()
    shown = _serializer.serialize_frozen_trial(study._study_id, frozen, {})
    assert shown["constraints"] == []
