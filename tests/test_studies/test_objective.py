"""A trial: equal budgets, frozen tasks, rungs, purity."""

import pytest
from test_studies import tiny

from bench import judging
from bench.seeds import Purpose
from studies import objective
from studies.objective import judging_draws, run_trial, rung_steps
from studies.space import MODE, MUTATION_SIGMA, POPULATION

GA = {MODE: "ga", POPULATION: 4, MUTATION_SIGMA: 0.3}


def test_a_trial_is_a_pure_function_of_its_arguments():
    experiment = tiny.experiment()
    first = run_trial(experiment, GA, 1)
    assert run_trial(experiment, GA, 1) == first
    assert run_trial(experiment, GA, 2) != first
    assert first.value == first.values[-1]
    assert first.steps == (100, 200, 300)


@pytest.mark.parametrize("population", [4, 6])
def test_the_budget_is_equal_up_to_a_generation(population):
    outcome = run_trial(tiny.experiment(), GA | {POPULATION: population}, 0)
    generation = (population + 1) * 2 * 5
    assert 300 - generation < outcome.member_steps <= 300


def test_rungs_hold_the_incumbent_of_their_point(monkeypatch):
    judged = {}

    def judge(genomes, draws, rates, protocol):
        judged["genomes"] = genomes
        return tuned(genomes, draws, rates, protocol)

    tuned = objective.tuned_gain
    monkeypatch.setattr(objective, "tuned_gain", judge)
    outcome = run_trial(tiny.experiment(budget=160, rungs=8), {MODE: "es", POPULATION: 6}, 0)
    assert outcome.steps == (20, 40, 60, 80, 100, 120, 140, 160)
    genomes = judged["genomes"]  # generations end at 70 and 140
    assert all((genomes[k] == genomes[0]).all() for k in (1, 2))
    assert all((genomes[k] == genomes[3]).all() for k in (4, 5, 6, 7))
    assert (genomes[0] != genomes[3]).any()
    assert outcome.values[0] == outcome.values[2]


def test_the_last_rung_is_the_whole_budget():
    assert rung_steps(10, 3) == (3, 6, 10)


def test_judging_tasks_alternate_and_have_no_test_split():
    draws = judging_draws(3, ("blobs_2", "circles"), 4)
    assert [draw.task.name for draw in draws] == ["blobs_2", "circles"] * 2
    assert all(draw.task.test is None for draw in draws)
    again = judging_draws(3, ("blobs_2", "circles"), 2)
    assert (again[1].task.train.x == draws[1].task.train.x).all()


def test_no_seed_is_used_twice(monkeypatch):
    seen = []

    def seed_for(root, purpose, *index):
        assert purpose is Purpose.STUDY
        seen.append(index)
        return original(root, purpose, *index)

    original = objective.seed_for
    for module in (objective, judging):
        monkeypatch.setattr(module, "seed_for", seed_for)
    run_trial(tiny.experiment(), GA, 4)
    assert len(seen) == len(set(seen)) == 1 + 3
