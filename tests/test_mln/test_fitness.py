"""Metrics, aggregation, screening and their budget."""

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.random import SeedSequence
from test_mln.helpers import linear_task

from mln import Execution, evolve
from mln.config import EvolutionConfig, FitnessConfig, LearnerSpec, LossSpec
from mln.config import TrainingSpec as Training
from mln.drift import label_cycle
from mln.evolution import draw_tasks
from mln.fitness import aggregate, evaluate, paired_gain
from mln.genome import imitation
from mln.kernels import analytic
from mln.layout import layout
from mln.losses.formulas import CrossEntropy
from mln.losses.meta import stacked_from_genomes
from mln.pieces import CYCLE, Draw, FitnessProtocol, measured_at
from mln.problem import make_problem
from mln.random import generator
from mln.rollout import Members
from mln.screening import margin, push
from mln.search.config import GeneticConfig

SPEC = LossSpec(hidden=4)
TINY = EvolutionConfig(
    budget=7 * 4 * 20 * 6,
    population=6,
    tasks_per_generation=4,
    training=Training(steps=20, batch_size=8),
    learner=LearnerSpec(hidden=(4,)),
    genetic=GeneticConfig(elites=2),
)
SEED = SeedSequence(8)


def mixed_task(seed: SeedSequence):
    return linear_task(seed, classes=2 + int(seed.generate_state(1)[0]) % 2)


def protocol(**fitness) -> FitnessProtocol:
    return FitnessProtocol(SPEC, TINY.learner, TINY.training, fitness=FitnessConfig(**fitness))


def genomes(count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    noise = 0.1 * rng.standard_normal((count, layout(SPEC).size))
    return (imitation(SPEC) + noise).astype(np.float32)


def curves(genome: np.ndarray, draw: Draw, points: list[int], drift: float | None):
    """Accuracy and nll of our learner and of cross-entropy's, straight from the kernel."""
    task = draw.task
    if drift is not None:
        task = label_cycle(task, drift, generator(draw.seed, CYCLE))
    problem = make_problem([task], [draw.seed], TINY.learner, TINY.training, ("outer_valid",))
    members = Members(np.array([0]), np.array([draw.lr]))
    ours = stacked_from_genomes(SPEC, torch.from_numpy(genome[None]), problem.classes)
    return [
        analytic.rollout(problem, members, loss, points).scores["outer_valid"]
        for loss in (ours, CrossEntropy(1))
    ]


@pytest.mark.parametrize(
    ("settings", "points"),
    [
        ({"metric": "accuracy"}, [20]),
        ({"metric": "nll"}, [20]),
        ({"metric": "area", "curve_points": 4}, [5, 10, 15, 20]),
        ({"metric": "post_drift", "drift": 0.5, "curve_points": 2}, [15, 20]),
        ({"metric": "accuracy", "drift": 0.25}, [20]),
    ],
)
def test_the_metric_is_the_mean_along_its_part_of_the_curve(settings, points) -> None:
    config = FitnessConfig(**settings)
    assert measured_at(config, 20) == points
    draws = draw_tasks(TINY, mixed_task, SEED, 0)
    gain = paired_gain(genomes(2), draws, protocol(**settings)).gain
    ours, ce = curves(genomes(2)[1], draws[2], points, config.drift)
    if config.metric == "nll":
        assert gain[1, 2] == pytest.approx(ce.nll.mean() - ours.nll.mean())
    else:
        assert gain[1, 2] == pytest.approx(ours.accuracy.mean() - ce.accuracy.mean())


def test_a_diverged_learner_has_the_worst_of_every_metric() -> None:
    draws = [draw._replace(lr=1e20) for draw in draw_tasks(TINY, mixed_task, SEED, 0)]
    for metric in ("accuracy", "nll", "area"):
        paired = paired_gain(genomes(2), draws, protocol(metric=metric))
        assert paired.diverged == 8
        assert paired.diverged_ce == 4
        assert np.array_equal(paired.gain, np.zeros((2, 4)))


def test_pictures_and_numbers_of_one_size_are_trained_apart() -> None:
    draws = draw_tasks(TINY, lambda seed: linear_task(seed, features=4), SEED, 0)
    picture = [draws[0]._replace(task=replace(draws[0].task, image=(1, 2, 2))), *draws[1:]]
    together = paired_gain(genomes(2), picture, protocol()).gain
    np.testing.assert_array_equal(together, paired_gain(genomes(2), draws, protocol()).gain)


def test_aggregation_over_task_names() -> None:
    gain = np.array([[0.3, 0.1, -0.4, 0.5], [0.0, 0.1, 0.05, 0.1]])
    names = ["a", "a", "b", "c"]  # means: .2, -.4, .5 and .05, .05, .1

    def of(**settings):
        return aggregate(gain, names, FitnessConfig(**settings))

    assert of() == pytest.approx([0.125, 0.0625])
    assert of(aggregate="cvar", cvar_share=0.34) == pytest.approx([-0.4, 0.05])
    assert of(aggregate="cvar", cvar_share=0.67) == pytest.approx([-0.1, 0.05])
    assert of(aggregate="cvar", cvar_share=1.0) == pytest.approx([0.1, 0.2 / 3])
    spread = of(aggregate="mean_minus_spread", spread_weight=2.0)
    assert spread[0] == pytest.approx(0.1 - 2 * np.std([0.2, -0.4, 0.5]))
    # What no part may pay for: the mean prefers the first, the worst case the second.
    assert of().argmax() == 0
    assert of(aggregate="cvar", cvar_share=0.34).argmax() == 1


def wrong_at_one_tenth() -> np.ndarray:
    """A network that rises with p_t at p = 1/10 and falls from p = 1/4 on: right at C = 2 alone."""
    genome = np.zeros(layout(SPEC).size, np.float32)
    # Two units that see the true class alone: a narrow rise about p = 0.1 and a broad fall above.
    genome[0:2] = 40.0, 5.0  # w_p
    genome[4:6] = 50.0, 8.0  # w_y
    genome[8:10] = -54.0, -10.5  # b
    genome[12:14] = 0.5, -2.0  # v
    return genome


def test_the_screen_catches_a_wrong_sign_where_ten_classes_start() -> None:
    good, bad = imitation(SPEC), wrong_at_one_tenth()
    upside_down = good.copy()
    upside_down[12:16] *= -1
    population = np.stack([good, bad, upside_down])
    two, ten = (push(SPEC, population, classes) for classes in (2, 10))
    assert (two[1] > 0).all()
    assert ten[1, 0] < 0
    assert np.array_equal(margin(SPEC, population) > 0, [True, False, False])
    assert margin(SPEC, np.full((1, layout(SPEC).size), np.nan, np.float32)) == -1


def ten_classes(seed: SeedSequence):
    return linear_task(seed, features=6, classes=10, train=200)


def test_what_the_screen_rejects_cannot_train() -> None:
    config = replace(TINY, training=Training(steps=60, batch_size=8), learning_rates=(0.01,))
    draws = draw_tasks(config, ten_classes, SEED, 0)
    population = np.stack([imitation(SPEC), wrong_at_one_tenth()])
    gain = paired_gain(
        population, draws, FitnessProtocol(SPEC, LearnerSpec((16,)), config.training)
    ).gain
    assert gain[0].mean() > -0.05
    assert gain[1].mean() < -0.15


def test_rejected_candidates_get_the_worst_fitness_and_cost_nothing() -> None:
    draws = draw_tasks(TINY, mixed_task, SEED, 0)
    population = genomes(4)
    population[1] = wrong_at_one_tenth()
    fitness, accepted, paired = evaluate(population, draws, protocol())
    assert accepted.tolist() == [True, False, True, True]
    assert paired.member_steps == (3 + 1) * 4 * 20
    alone = paired_gain(population[[0, 2, 3]], draws, protocol()).gain.mean(1)
    assert np.array_equal(fitness[accepted], alone)
    assert fitness[1] == alone.min()
    assert evaluate(population, draws, protocol(screen=False)).accepted.all()


def test_where_all_are_rejected_the_search_finds_its_way_out() -> None:
    draws = draw_tasks(TINY, mixed_task, SEED, 0)
    population = genomes(4)
    population[:, 12:16] *= -1
    fitness, accepted, paired = evaluate(population, draws, protocol())
    assert not accepted.any()
    assert paired.member_steps == 4 * 20
    assert (fitness < -0.99).all()
    assert np.array_equal(fitness.argsort(), margin(SPEC, population).argsort())


@pytest.mark.parametrize("mode", ["ga", "es"])
def test_saved_steps_buy_further_generations(mode) -> None:
    spec = LossSpec(hidden=4, start="random")
    config = replace(TINY, mode=mode, genetic=GeneticConfig(elites=2, mutation_sigma=0.8))
    screened = evolve(spec, config, mixed_task, SeedSequence(2))
    shares = [generation.rejected for generation in screened.history]
    assert max(shares) > 0
    cost, spent = TINY.tasks_per_generation * TINY.training.steps, 0
    for generation in screened.history:
        spent += round(7 - 6 * generation.rejected) * cost
        assert generation.member_steps == spent
    assert config.budget - config.generation_cost < spent <= config.budget
    unscreened = evolve(
        spec, replace(config, fitness=FitnessConfig(screen=False)), mixed_task, SeedSequence(2)
    )
    assert len(screened.history) > len(unscreened.history)
    assert all(generation.rejected == 0 for generation in unscreened.history)


def test_nothing_depends_on_the_workers() -> None:
    config = replace(TINY, tasks_per_generation=9, budget=7 * 9 * 20 * 3, coevolution="lifetime")
    whole = evolve(SPEC, config, mixed_task, SEED)

    def elsewhere(work, pieces):
        sent = [pickle.dumps((work, piece)) for piece in pieces]
        assert len(sent) > 2
        return [work(piece) for work, piece in map(pickle.loads, reversed(sent))][::-1]

    with ThreadPoolExecutor(3) as workers:
        for spreading in (workers.map, elsewhere):
            spread = evolve(SPEC, config, mixed_task, SEED, Execution(map=spreading))
            assert np.array_equal(whole.genome, spread.genome)
            assert whole.history == spread.history


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"metric": "post_drift"}, "drift"),
        ({"drift": 1.0}, "drift"),
        ({"curve_points": 0}, "curve_points"),
        ({"cvar_share": 0.0}, "cvar_share"),
        ({"spread_weight": -1.0}, "spread_weight"),
    ],
)
def test_bad_fitness_settings_name_their_key(settings, key) -> None:
    with pytest.raises(ValueError, match=key):
        FitnessConfig(**settings)
