"""A trial: pure, at equal budgets, on frozen tasks; what is reported where, and what stops it."""

import numpy as np
import pytest
from test_studies import tiny

from mln.evolution import evolve
from studies import objective
from studies.judging import judge
from studies.objective import evaluate
from studies.outcome import TrialJob
from studies.plan import instances, points, space_of
from studies.seeds import EVOLVE, study_seed
from studies.space import MODE, MUTATION_SIGMA, POPULATION, SWITCH_POINT

GA = {MODE: "ga", POPULATION: 4, MUTATION_SIGMA: 0.3}
HYBRID = {MODE: "hybrid", POPULATION: 4, MUTATION_SIGMA: 0.3, SWITCH_POINT: 0.5}


class Told:
    """Listens to a trial and stops it at a report."""

    def __init__(self, stop_at=None):
        self.reports, self.saves, self.stop_at = [], [], stop_at

    def __call__(self, value, step, saves_work):
        self.reports.append((step, value))
        self.saves.append(saves_work)
        return len(self.reports) - 1 == self.stop_at


def trial(kind="screen", params=GA, slot=0, told=None, **study):
    job = TrialJob(tiny.experiment(kind, **study), params, slot)
    return evaluate(job, told or Told())


def comparable(outcome):
    runs = [(run.genome.tolist(), run.by_task.tolist()) for run in outcome.runs]
    return outcome.value, outcome.steps, outcome.values, runs


def test_a_screen_trial_is_a_pure_function_of_parameters_and_slot():
    assert comparable(trial(slot=1)) == comparable(trial(slot=1))
    assert comparable(trial(slot=2)) != comparable(trial(slot=1))


@pytest.mark.parametrize("kind", ["confirm", "ablate"])
def test_frozen_seeds_do_not_depend_on_the_slot(kind):
    params = {MODE: "ga"} if kind == "ablate" else GA
    assert comparable(trial(kind, params, 1)) == comparable(trial(kind, params, 2))


@pytest.mark.parametrize("population", [4, 6])
def test_the_budget_is_equal_up_to_a_generation(population):
    outcome = trial(params=GA | {POPULATION: population})
    generation = (population + 1) * 2 * 5
    assert 300 - generation < outcome.member_steps <= 300


def test_a_point_holds_what_a_run_of_that_budget_delivers():
    told = Told()
    outcome = trial(told=told)
    experiment = tiny.experiment()
    assert outcome.steps == points(experiment.study) == (75, 150, 300)
    assert told.reports == list(zip(outcome.steps, outcome.values, strict=True))
    assert told.saves == [True, True, False]
    evolution = space_of(experiment).apply(GA, budget=150)
    shorter = evolve(
        evolution.loss,
        evolution.settings,
        objective.mixture(evolution.families, test=False),
        study_seed(3, EVOLVE["screen"], 0),
    )
    gains = judge(experiment, experiment.study, evolution.loss, shorter.genome)
    assert np.concatenate([family.gains for family in gains]).mean() == outcome.values[1]


VALIDATED = {
    "settings": {"learning_rates": [0.1], "validation": {"candidates": 3, "tasks": 2}},
    "validation": ["xor", "checkerboard"],
    "budget": 800,
}


def delivered(experiment, budget, kind, seed):
    """What `evolve` delivers, and what it gains on the study's tasks."""
    evolution = space_of(experiment).apply(GA, budget=budget)
    result = evolve(
        evolution.loss,
        evolution.settings,
        objective.mixture(evolution.families, test=False),
        study_seed(3, EVOLVE[kind], seed),
        validation=objective.mixture(evolution.validation, test=False),
    )
    gains = judge(experiment, experiment.study, evolution.loss, result.genome)
    return result, np.concatenate([family.gains for family in gains]).mean()


def test_a_screen_judges_what_a_run_would_deliver_by_its_validation():
    slot = 1
    experiment = tiny.experiment(**VALIDATED)
    outcome = trial(params=GA, slot=slot, **VALIDATED)
    for at, point in enumerate(points(experiment.study)):
        result, gain = delivered(experiment, point, "screen", slot)
        assert outcome.values[at] == gain
    assert outcome.runs[0].genome.tolist() == result.genome.tolist()
    assert outcome.member_steps == result.member_steps <= 800
    assert [row["validated"] for row in outcome.runs[0].history] == [
        row.validated for row in result.history
    ]
    stopped = trial(params=GA, slot=slot, told=Told(stop_at=1), **VALIDATED)
    shorter, _ = delivered(experiment, 400, "screen", slot)
    assert stopped.runs[0].genome.tolist() == shorter.genome.tolist()
    assert stopped.member_steps == shorter.member_steps


def test_an_ablation_judges_what_a_run_would_deliver_by_its_validation():
    experiment = tiny.experiment("ablate", **VALIDATED)
    chosen = []
    for run in trial("ablate", GA, **VALIDATED).runs:
        result, gain = delivered(experiment, 800, "ablate", run.seed)
        assert run.genome.tolist() == result.genome.tolist()
        assert run.by_task.mean() == pytest.approx(gain)
        assert run.member_steps == result.member_steps
        chosen.append(result.validation.generation < result.history[-1].number)
    # Otherwise the last genome would be as good.
    assert any(chosen)


def test_a_stopped_screen_trial_spends_no_more():
    outcome = trial(params=HYBRID, told=Told(stop_at=1))
    assert outcome.is_pruned
    assert outcome.steps == (75, 150)
    assert outcome.member_steps <= 150
    assert outcome.value == trial(params=HYBRID).values[1]
    assert trial(params=HYBRID).runs[0].switch is not None


def test_a_confirmation_evolves_a_seed_when_it_is_due(monkeypatch):
    evolved = []
    original = objective._evolve
    monkeypatch.setattr(
        objective,
        "_evolve",
        lambda job, study, evolution, seed: (
            evolved.append(seed) or original(job, study, evolution, seed)
        ),
    )
    told = Told(stop_at=11)  # the last instance of the first four seeds
    stopped = trial("confirm", told=told)
    experiment = tiny.experiment("confirm")
    order = instances(3, experiment.study)
    assert stopped.is_pruned
    assert len(evolved) == 4
    assert set(evolved) == {seed for seed, _ in order[:12]}
    assert stopped.steps == tuple(seed * 3 + task for seed, task in order[:12])
    whole = trial("confirm")
    assert not whole.is_pruned
    assert sorted(whole.steps) == list(range(15))
    assert whole.values[:12] == stopped.values
    assert whole.value == pytest.approx(np.mean([run.by_task.mean() for run in whole.runs]))
    # It is asked about stopping where another evolution would follow, and nowhere else.
    assert told.saves[11]
    assert sum(told.saves) == 4


def test_an_ablation_runs_every_seed():
    told = Told(stop_at=0)
    outcome = trial("ablate", {MODE: "hybrid", SWITCH_POINT: 0.3}, told=told)
    assert [run.seed for run in outcome.runs] == [0, 1]
    assert told.reports == [(0, outcome.values[0]), (1, outcome.values[1])]
    assert not outcome.is_pruned
    assert outcome.value == pytest.approx(np.mean(outcome.values))


def test_judged_by_the_experiments_own_learner_whatever_a_trial_trains(monkeypatch):
    steps = []
    original = objective.judge

    def watching(experiment, *rest):
        steps.append(experiment.evolution.settings.training.steps)
        return original(experiment, *rest)

    monkeypatch.setattr(objective, "judge", watching)
    name = "evolution.settings.training.steps"
    trial(params=GA | {name: 3}, tune=[*tiny.FOUR, name], space={name: [2, 3]})
    assert set(steps) == {5}
