"""Learners that live on: when they are redrawn, whose they are, and that nothing is lost."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.random import SeedSequence
from test_mln.helpers import linear_task

from mln import Execution, evolve
from mln.coevolution import Cohort, after, born, starts
from mln.config import EvolutionConfig, FitnessConfig, LearnerSpec, LossSpec
from mln.config import TrainingSpec as Training
from mln.evolution import draw_tasks
from mln.fitness import evaluate
from mln.genome import imitation
from mln.kernels.reference import score
from mln.pieces import FitnessProtocol
from mln.problem import make_problem
from mln.rollout import Members
from mln.search.config import GeneticConfig

SPEC = LossSpec(hidden=4)
BASE = EvolutionConfig(
    budget=7 * 4 * 8 * 8,
    population=6,
    tasks_per_generation=4,
    training=Training(steps=8, batch_size=8),
    learner=LearnerSpec(hidden=(4,)),
    genetic=GeneticConfig(elites=2),
    lifetime=3,
    learning_rates=(0.01, 0.03),
)
SEED = SeedSequence(8)
LIVING = pytest.mark.parametrize("coevolution", ["lifetime", "persistent"])


def mixed_task(seed: SeedSequence):
    return linear_task(seed, classes=2 + int(seed.generate_state(1)[0]) % 2)


def test_when_each_slot_is_redrawn() -> None:
    ages = [
        [g - born(replace(BASE, coevolution="lifetime"), g, k) for k in range(4)] for g in range(7)
    ]
    assert ages == [
        [0, 0, 0, 0],
        [1, 0, 1, 1],
        [2, 1, 0, 2],
        [0, 2, 1, 0],
        [1, 0, 2, 1],
        [2, 1, 0, 2],
        [0, 2, 1, 0],
    ]
    assert born(BASE, 5, 1) == 5
    assert born(replace(BASE, coevolution="persistent"), 5, 1) == 0


def test_a_task_that_lives_on_keeps_its_rate_and_gets_new_minibatches() -> None:
    config = replace(BASE, coevolution="lifetime")
    before, now = (draw_tasks(config, mixed_task, SEED, g) for g in (1, 2))
    for k in range(4):
        same = np.array_equal(before[k].task.train.x, now[k].task.train.x)
        assert same == (k != 2)
        assert before[k].seed.spawn_key != now[k].seed.spawn_key
        if same:
            assert before[k].lr == now[k].lr


def population() -> np.ndarray:
    noise = 0.1 * np.random.default_rng(1).standard_normal((6, 17))
    return (imitation(SPEC) + noise).astype(np.float32)


def test_a_child_starts_from_its_mothers_learners_and_diverged_ones_anew() -> None:
    config = replace(BASE, coevolution="persistent")
    protocol = FitnessProtocol(SPEC, config.learner, config.training)
    first = starts(config, None, 0, None)
    assert first == [None] * 4
    draws = draw_tasks(config, mixed_task, SEED, 0)
    cohort = after(config, first, evaluate(population(), draws, protocol, first))
    assert cohort is not None
    parents = np.array([[3, 3, 0, 1, 1, 5], [0, 0, 0, 0, 0, 0]])
    given = starts(config, cohort, 1, parents)
    assert given is not None
    for k in range(4):
        assert np.array_equal(given[k], cohort.weights[k][[3, 3, 0, 1, 1, 5, 6]])
    # In an ES all start from one: what differs are the losses.
    for rows in starts(config, cohort, 1, None) or []:
        assert (rows[:-1] == rows[0]).all()
    given[0][1] = np.nan
    again = evaluate(population(), draws, protocol, given)
    assert again.paired.diverged == 0
    newborn = evaluate(population(), draws, protocol, first)
    weights = again.paired.weights[0][1], newborn.paired.weights[0][1]
    assert np.array_equal(*weights)


def test_rejected_candidates_pass_on_what_they_started_from() -> None:
    config = replace(BASE, coevolution="persistent")
    protocol = FitnessProtocol(SPEC, config.learner, config.training)
    draws = draw_tasks(config, mixed_task, SEED, 0)
    genomes = population()
    genomes[2, 12:16] *= -1
    first = starts(config, None, 0, None)
    cohort = after(config, first, evaluate(genomes, draws, protocol, first))
    assert isinstance(cohort, Cohort)
    assert np.isnan(cohort.weights[0][2]).all()
    assert np.isfinite(np.delete(cohort.weights[0], 2, 0)).all()
    given = starts(config, cohort, 1, np.tile(np.arange(6), (2, 1)))
    given[0][2] = 0.5
    later = after(config, given, evaluate(genomes, draws, protocol, given))
    assert (later.weights[0][2] == 0.5).all()


class Killed(Exception):
    pass


@LIVING
@pytest.mark.parametrize("mode", ["hybrid", "es"])
def test_interrupted_anywhere_and_continued_equals_uninterrupted(
    coevolution, mode, tmp_path: Path
) -> None:
    config = replace(BASE, coevolution=coevolution, mode=mode)
    whole = evolve(SPEC, config, mixed_task, SEED)

    def die(generation, _genome) -> None:
        raise Killed

    file = tmp_path / "run.safetensors"
    for _ in whole.history:
        with pytest.raises(Killed):
            evolve(SPEC, config, mixed_task, SEED, Execution(die, file))
    again = evolve(SPEC, config, mixed_task, SEED, Execution(checkpoint=file))
    assert np.array_equal(whole.genome, again.genome)
    assert whole.history == again.history
    for one, other in zip(whole.learners.weights, again.learners.weights, strict=True):
        assert np.array_equal(one, other)
    fresh = evolve(SPEC, replace(config, coevolution="fresh"), mixed_task, SEED)
    assert fresh.learners is None
    assert fresh.history != whole.history


@LIVING
def test_the_learners_are_a_result_that_has_learnt(coevolution) -> None:
    steps = Training(steps=40, batch_size=8)
    config = replace(BASE, coevolution=coevolution, training=steps, budget=7 * 4 * 40 * 8)
    learners = evolve(SPEC, config, mixed_task, SEED).learners
    assert len(learners.weights) == len(learners.task_seeds) == len(learners.ce) == 4
    accuracies, newborn = [], []
    for seed, weights in zip(learners.task_seeds, learners.weights, strict=True):
        task = mixed_task(seed)
        problem = make_problem([task], [seed], config.learner, steps, ("outer_valid",))
        alone = Members(np.array([0]), np.array([0.0]))
        scored = score(problem, alone._replace(start=weights[None]), "outer_valid")
        accuracies.append(scored.accuracy[0, 0])
        newborn.append(score(problem, alone, "outer_valid").accuracy[0, 0])
    assert np.mean(accuracies) > np.mean(newborn) + 0.15


def test_equal_budgets_and_lineage() -> None:
    by_mode = {
        mode: evolve(
            SPEC,
            replace(BASE, coevolution=mode, fitness=FitnessConfig(screen=False)),
            mixed_task,
            SEED,
        )
        for mode in ("fresh", "lifetime", "persistent")
    }
    assert {result.member_steps for result in by_mode.values()} == {BASE.budget}
    for result in by_mode.values():
        for generation in result.history:
            assert len(generation.genome) == 16
            if generation.phase == "ga":
                assert 1 <= len(generation.parents) <= 2
                assert all(0 <= slot < 6 for slot in generation.parents)
            else:
                assert generation.parents == []


def test_a_drift_needs_fresh_learners() -> None:
    with pytest.raises(ValueError, match="coevolution"):
        replace(BASE, coevolution="lifetime", fitness=FitnessConfig(drift=0.5))
