"""A study that is stopped and resumed ends as one that was not."""

import pytest
from test_studies import tiny

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


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("nsga2", marks=pytest.mark.slow)])
def test_two_objectives_stopped_and_resumed(tmp_path, sampler):
    options = {"objectives": ["gain", "worst_regime"], "sampler": sampler, "rungs": 1}
    experiment = tiny.experiment(trials=9, startup_trials=4, space=tiny.NUMBERS, **options)
    whole = tiny.run(experiment, f"sqlite:///{tmp_path}/a.db", evaluate=tiny.uneven)
    for trials in (5, 7, 9):
        stopped = tiny.run(
            experiment, f"sqlite:///{tmp_path}/b.db", evaluate=tiny.uneven, trials=trials
        )
        assert tiny.content(stopped) == tiny.content(whole)[:trials]
    assert (stopped.best, stopped.front) == (whole.best, whole.front)


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
