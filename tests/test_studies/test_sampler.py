"""What the sampler of a study proposes."""

import pytest
from test_studies import tiny

pytestmark = pytest.mark.usefixtures("inline")


def test_proposals_learn_from_the_trials_before(tmp_path):
    def inverted(job, report):
        outcome = tiny.instant(job, lambda value, *about: report(-value, *about))
        return outcome._replace(value=-outcome.value, is_pruned=False)

    experiment = tiny.experiment("confirm", trials=9, startup_trials=4, p_threshold=0.001)
    results = [
        tiny.run(experiment, f"sqlite:///{tmp_path}/{k}.db", evaluate=evaluate)
        for k, evaluate in enumerate((tiny.instant, inverted))
    ]
    one, other = ([trial.params for trial in result.trials] for result in results)
    assert one[:4] == other[:4]
    assert one[5:] != other[5:]
