"""A study that is stopped and resumed, or dies at any step, ends as one that was not."""

import optuna
import pytest
from optuna.trial import TrialState
from test_studies import tiny
from test_studies.consistency import check_consistency

from studies import worker as worker_module
from studies.sampler import SLOT
from studies.slots import Slots
from studies.space import MODE, MUTATION_SIGMA, POPULATION, SWITCH_POINT

pytestmark = pytest.mark.usefixtures("inline")

STEPPED = {
    POPULATION: [4, 6],
    SWITCH_POINT: {"low": 0.3, "high": 0.7, "step": 0.2},
    MUTATION_SIGMA: [0.1, 0.2],
}


def searching(kind, sampler):
    space = STEPPED if sampler == "brute" else tiny.NUMBERS
    return tiny.experiment(kind, sampler=sampler, startup_trials=2, trials=9, space=space)


@pytest.mark.parametrize(
    ("kind", "sampler"),
    [
        ("screen", "tpe"),
        ("confirm", "tpe"),
        pytest.param("screen", "cmaes", marks=pytest.mark.slow),
        pytest.param("confirm", "gp", marks=pytest.mark.slow),
        pytest.param("screen", "random", marks=pytest.mark.slow),
        pytest.param("confirm", "qmc", marks=pytest.mark.slow),
        pytest.param("screen", "brute", marks=pytest.mark.slow),
    ],
)
def test_stopped_between_trials_and_resumed_is_the_same(tmp_path, kind, sampler):
    experiment = searching(kind, sampler)
    whole = tiny.run(experiment, f"sqlite:///{tmp_path}/a.db")
    assert len(whole.trials) == 9
    for trials in (1, 5, 7, 9):
        stopped = tiny.run(experiment, f"sqlite:///{tmp_path}/b.db", trials=trials)
        assert tiny.content(stopped) == tiny.content(whole)[:trials]
    proposed = {str(sorted(trial.params.items())) for trial in whole.trials}
    assert len(proposed) == 9 or sampler == "gp"  # which may return to the best


def test_an_ablation_stopped_and_resumed(tmp_path):
    experiment = tiny.experiment("ablate")
    whole = tiny.run(experiment, f"sqlite:///{tmp_path}/a.db")
    tiny.run(experiment, f"sqlite:///{tmp_path}/b.db", trials=2)
    assert tiny.content(tiny.run(experiment, f"sqlite:///{tmp_path}/b.db")) == tiny.content(whole)
    assert [trial.params for trial in whole.trials] == [
        {MODE: "ga"},
        {MODE: "es"},
        {MODE: "hybrid", SWITCH_POINT: 0.3},
        {MODE: "hybrid", SWITCH_POINT: 0.7},
    ]


class Death(BaseException):
    """Stands for a kill: nothing handles it."""


def dying_at(call, original, *, before):
    """The function, which at its n-th call dies before or after it has done its work."""
    calls = 0

    def dying(*args, **kwargs):
        nonlocal calls
        calls += 1
        if before and calls == call:
            raise Death
        result = original(*args, **kwargs)
        if not before and calls == call:
            raise Death
        return result

    return dying


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Slots, "claim"),
        (optuna.Study, "ask"),
        pytest.param(Slots, "note", marks=pytest.mark.slow),
        pytest.param(optuna.trial.Trial, "suggest_float", marks=pytest.mark.slow),
        (optuna.trial.Trial, "report"),
        pytest.param(worker_module, "record", marks=pytest.mark.slow),
        (Slots, "finish"),
        pytest.param(worker_module, "tell", marks=pytest.mark.slow),
    ],
)
def test_a_death_at_any_step_loses_and_doubles_nothing(tmp_path, monkeypatch, owner, name, before):
    experiment = tiny.experiment(trials=7)
    whole = tiny.run(experiment, f"sqlite:///{tmp_path}/a.db")
    url = f"sqlite:///{tmp_path}/b.db"
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, dying_at(6, getattr(owner, name), before=before))
        with pytest.raises(Death):
            tiny.run(experiment, url)
    resumed = tiny.run(experiment, url)
    # A death costs a trial's number, and nothing else.
    assert tiny.content(resumed, numbers=False) == tiny.content(whole, numbers=False)
    check_consistency(experiment, url, 7)


def test_a_retried_slot_has_nothing_of_the_lost_trial(url, monkeypatch):
    experiment = tiny.experiment(trials=3)
    with monkeypatch.context() as patch:
        patch.setattr(Slots, "finish", dying_at(2, Slots.finish, before=True))
        with pytest.raises(Death):
            tiny.run(experiment, url)
    tiny.run(experiment, url)
    lost, again = tiny.find_study(experiment, url).get_trials()[1:3]
    assert (lost.state, lost.user_attrs[SLOT], again.user_attrs[SLOT]) == (TrialState.FAIL, 1, 1)
    assert lost.params == again.params
    assert again.state in (TrialState.COMPLETE, TrialState.PRUNED)
    copied = [k for k in again.system_attrs if k.startswith(("artifacts:", "retry", "failed"))]
    assert copied == []
