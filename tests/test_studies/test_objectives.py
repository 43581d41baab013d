"""Two objectives: the front, the chosen trial, what Optuna and the store know of them."""

import pytest
from optuna.study import StudyDirection
from optuna_dashboard import get_note
from pydantic import ValidationError
from test_studies import tiny
from test_studies.consistency import check_consistency
from test_studies.test_outcome import finished

from bench.store import schema as tables
from bench.store.store import Store
from studies.objectives import METRIC, WORST, best_of, front_of, regime_gains
from studies.results import best_evolution, incumbent_of
from studies.space import MUTATION_SIGMA

pytestmark = pytest.mark.usefixtures("inline")

TWO = {"objectives": ["gain", "worst_regime"], "rungs": 1}


def judged(slot, value, worst, **about):
    return finished(slot, value, **about)._replace(worst=worst)


def test_chosen_is_the_largest_gain_whose_worst_regime_is_not_too_bad():
    study = tiny.experiment(**TWO).study
    trials = [
        judged(0, 0.30, -0.010),
        judged(1, 0.20, -0.0019),
        judged(2, 0.10, 0.05),
        judged(3, 0.25, -0.002),  # not above
        judged(4, 0.40, 0.2, is_feasible=False),
    ]
    assert best_of(trials, study).slot == 1
    assert [trial.slot for trial in front_of(trials, study)] == [2, 1, 3, 0]
    # Where none keeps the rule, the one whose worst regime is best.
    assert best_of(trials[::3], study).slot == 3
    lenient = tiny.experiment(**TWO, min_worst_regime=-0.02).study
    assert best_of(trials, lenient).slot == 0
    # With one objective the worst regime decides nothing.
    assert best_of(trials, tiny.experiment().study).slot == 0
    assert front_of(trials, tiny.experiment().study) == ()


def test_a_regime_pools_the_tasks_of_all_families_under_it():
    families = [("moons", 0.1, 3), ("xor", 0.5, 1), ("moons+noise=0.2", -0.1, 2)]
    assert regime_gains(families) == pytest.approx({"clean": 0.2, "noise=0.2": -0.1})


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_a_study_of_two_objectives(url, sampler):
    experiment = tiny.experiment(trials=10, startup_trials=4, sampler=sampler, **TWO)
    result = tiny.run(experiment, url, evaluate=tiny.uneven)
    check_consistency(experiment, url, 10)
    study = tiny.find_study(experiment, url)
    assert study.directions == [StudyDirection.MAXIMIZE] * 2
    assert study.metric_names == [METRIC, WORST]
    assert {trial.number for trial in result.front} == {t.number for t in study.best_trials}
    assert len(result.front) > 1
    assert result.best in result.front
    assert result.best.worst > -0.002
    best_without = max(result.trials, key=lambda trial: trial.value)
    assert best_without.value >= result.best.value
    note = get_note(study)
    assert "Pareto front" in note
    assert "none is stopped early" in note
    assert "more than -0.2 points" in note
    (row,) = Store(url).rows(tables.studies)
    assert row["best"]["slot"] == result.best.slot
    assert [trial["worst_regime"] for trial in row["front"]] == [t.worst for t in result.front]
    # What is taken over, by `run` and by a confirmation, is the chosen trial.
    chosen = best_evolution(experiment, url).settings.genetic.mutation_sigma
    if MUTATION_SIGMA in result.best.params:
        assert chosen == result.best.params[MUTATION_SIGMA]
    confirmation = tiny.experiment("confirm", name="again", incumbent_from="tiny settings")
    assert incumbent_of(confirmation, url) == result.best.params


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objectives": ["worst_regime"]}, "objectives must be"),
        ({"objectives": ["gain", "worst_regime"], "rungs": 3}, "early stopping is for one"),
        ({"objectives": ["gain", "worst_regime"], "rungs": 1, "cost": True}, "leave cost out"),
        ({"sampler": "nsga2"}, "is for two objectives"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        tiny.experiment(**options)


def test_a_trial_of_two_objectives_is_judged_once_unless_said():
    content = tiny.experiment().model_dump(mode="json")
    del content["study"]["rungs"]
    content["study"]["objectives"] = ["gain", "worst_regime"]
    experiment = tiny.Experiment.model_validate(content)
    assert experiment.study.rungs == 1
    assert tiny.Experiment.model_validate(experiment.model_dump(mode="json")) == experiment
