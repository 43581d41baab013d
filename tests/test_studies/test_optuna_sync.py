"""What Optuna is told of a finished slot."""

import pytest
from optuna.trial import TrialState
from test_studies import tiny

pytestmark = pytest.mark.usefixtures("inline")


def test_a_stopped_confirmation_is_complete_with_its_mean_for_optuna(url):
    experiment = tiny.experiment("confirm", trials=8, p_threshold=0.2)
    result = tiny.run(experiment, url)
    stopped = [trial for trial in result.trials if trial.state == "pruned"]
    assert stopped
    assert result.best.state == "complete"
    trials = tiny.find_study(experiment, url).get_trials()
    for trial in stopped:
        assert trial.value is None
        assert len(trial.values) == 12
        assert trials[trial.number].state == TrialState.COMPLETE
        assert trials[trial.number].value == pytest.approx(trial.estimate)
        assert trial.estimate < result.best.value
