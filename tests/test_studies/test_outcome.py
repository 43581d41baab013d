"""The best trial and the Pareto front, among those that are complete and feasible."""

import pytest
from optuna_dashboard import get_note
from test_studies import tiny

from bench.store import schema as tables
from bench.store.store import Store
from studies.objectives import best_of, front_of
from studies.outcome import StudyTrial, diverged_share, estimate_of, violation
from studies.sampler import SLOT

pytestmark = pytest.mark.usefixtures("inline")


def test_a_pareto_study(url):
    experiment = tiny.experiment(cost=True, trials=8)
    result = tiny.run(experiment, url, evaluate=tiny.priced)
    study = tiny.find_study(experiment, url)
    front = {trial.number for trial in result.front}
    assert front == {trial.number for trial in study.best_trials}
    budgets = {trial.params["evolution.settings.budget"] for trial in result.trials}
    assert budgets <= {75, 150, 300}
    assert len(budgets) > 1
    assert "Pareto front" in get_note(study)
    costs = [row["cost"] for row in Store(url).rows(tables.studies)[0]["front"]]
    assert costs == sorted(costs)


def test_an_infeasible_trial_is_not_the_best(url):
    def diverging(job, report):
        outcome = tiny.instant(job, report)
        (run,) = outcome.runs
        gains = (run.gains[0]._replace(diverged=int(job.slot % 2 == 0)),)
        return outcome._replace(runs=(run._replace(gains=gains),))

    experiment = tiny.experiment("confirm", trials=6)
    result = tiny.run(experiment, url, evaluate=diverging)
    assert [trial.is_feasible for trial in result.trials] == [k % 2 == 1 for k in range(6)]
    assert result.best.slot % 2 == 1
    study = tiny.find_study(experiment, url)
    assert study.best_trial.user_attrs[SLOT] % 2 == 1
    assert [t.user_attrs["feasible"] for t in study.trials] == [k % 2 for k in range(6)]
    assert "3 infeasible" in get_note(study)
    assert f"| {result.best.number} | {100 * result.best.value:+.2f} |" in get_note(study)


def finished(slot, value, member_steps=100, is_feasible=True):
    state = "pruned" if value is None else "complete"
    return StudyTrial(slot, slot, state, value, {}, (), (), member_steps, is_feasible, value)


def test_of_equal_values_the_first_slot_is_the_best():
    trials = [finished(0, 0.1), finished(1, 0.3), finished(2, 0.3), finished(3, 0.9, 100, False)]
    assert best_of([*trials, finished(4, None)], tiny.experiment().study).slot == 1
    assert best_of([finished(0, None)], tiny.experiment().study) is None


def test_the_front_costs_more_only_where_it_gains_more():
    trials = [
        finished(0, 0.2, 200),
        finished(1, 0.1, 100),
        finished(2, 0.2, 300),
        finished(3, 0.3, 300),
        finished(4, 0.0, 100),
    ]
    assert [trial.slot for trial in front_of(trials, tiny.experiment(cost=True).study)] == [1, 0, 3]


@pytest.mark.parametrize(("diverged", "judged"), [(0, 0), (0, 10), (3, 10), (7, 100)])
def test_a_share_as_large_as_allowed_is_feasible(diverged, judged):
    share = diverged_share([(diverged, judged)])
    assert violation(share, tiny.experiment(max_diverged=share).study) == 0
    more = diverged_share([(diverged, judged), (1, 1)])
    assert violation(more, tiny.experiment(max_diverged=share).study) > 0


def test_a_pruned_trial_is_estimated_by_where_it_stood():
    row = {"state": "pruned", "value": None, "intermediate": {"value": [0.1, 0.5]}}
    assert estimate_of(row, tiny.experiment().study) == 0.5
    assert estimate_of(row, tiny.experiment("confirm").study) == pytest.approx(0.3)
    whole = row | {"state": "complete", "value": 0.4}
    assert estimate_of(whole, tiny.experiment().study) == 0.4
