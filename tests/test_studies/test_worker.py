"""A worker that dies at any step: the resumed study ends as one that was not stopped."""

import optuna
import pytest
from optuna.trial import TrialState
from test_studies import tiny
from test_studies.consistency import check_consistency

from studies import worker as worker_module
from studies.sampler import SLOT
from studies.slots import StudySlots

pytestmark = pytest.mark.usefixtures("inline")


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
        (StudySlots, "claim"),
        (optuna.Study, "ask"),
        pytest.param(StudySlots, "note", marks=pytest.mark.slow),
        pytest.param(optuna.trial.Trial, "suggest_float", marks=pytest.mark.slow),
        (optuna.trial.Trial, "report"),
        pytest.param(worker_module, "record", marks=pytest.mark.slow),
        (StudySlots, "finish"),
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
        patch.setattr(StudySlots, "finish", dying_at(2, StudySlots.finish, before=True))
        with pytest.raises(Death):
            tiny.run(experiment, url)
    tiny.run(experiment, url)
    lost, again = tiny.find_study(experiment, url).get_trials()[1:3]
    assert (lost.state, lost.user_attrs[SLOT], again.user_attrs[SLOT]) == (TrialState.FAIL, 1, 1)
    assert lost.params == again.params
    assert again.state in (TrialState.COMPLETE, TrialState.PRUNED)
    copied = [k for k in again.system_attrs if k.startswith(("artifacts:", "retry", "failed"))]
    assert copied == []
