"""The genetic algorithm, on functions with a known optimum."""

from dataclasses import replace

import numpy as np
import pytest
from test_mln.helpers import START, rotated_ellipsoid, sphere

from mln.search.base import Start
from mln.search.config import GeneticConfig
from mln.search.genetic import Genetic, GeneticState

VARIANTS = {
    "default": GeneticConfig(mutation_sigma=0.5),
    "truncation": GeneticConfig(mutation_sigma=0.5, selection="truncation"),
    "blend": GeneticConfig(mutation_sigma=0.2, crossover="blend"),
    "sbx": GeneticConfig(mutation_sigma=0.5, crossover="sbx", crossover_rate=1.0),
    "constant": GeneticConfig(mutation_sigma=0.1, sigma_schedule="constant"),
}
STATE = GeneticState(
    population=np.arange(24, dtype=np.float32).reshape(6, 4),
    mean_fitness=np.array([0.0, 5.0, 1.0, 4.0, 2.0, 3.0]),
    evaluations=np.ones(6, np.int64),
    sigma=0.1,
)


def final_value(search, function, generations: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    state = search.init(Start(START), rng)
    for _ in range(generations):
        state, candidates = search.ask(state, rng)
        state = search.tell(state, function(candidates))
    return float(function(search.incumbent(state)[None])[0])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("function", "share"), [(sphere, 1e-2), (rotated_ellipsoid, 3e-2)])
def test_genetic_algorithm_descends(function, share: float, variant: str) -> None:
    search = Genetic(VARIANTS[variant], 40)
    finals = [final_value(search, function, 150, seed) for seed in range(5)]
    assert np.median(finals) > share * function(START[None])[0]


def test_elites_keep_the_mean_of_all_their_evaluations() -> None:
    search, rng = Genetic(GeneticConfig(elites=2), 6), np.random.default_rng(0)
    state = search.init(Start(START), rng)
    state = search.tell(state, np.array([0.0, 5.0, 1.0, 4.0, 2.0, 3.0]))
    elites = state.population[[1, 3]]
    state, candidates = search.ask(state, rng)
    assert np.array_equal(candidates[:2], elites)
    assert state.evaluations.tolist() == [1, 1, 0, 0, 0, 0]
    state = search.tell(state, np.array([1.0, 2.0, 0.0, 0.0, 0.0, 0.0]))
    assert state.mean_fitness[:2].tolist() == [3.0, 3.0]


def test_a_lucky_newcomer_is_not_delivered() -> None:
    state = GeneticState(
        population=np.arange(3, dtype=np.float32)[:, None],
        mean_fitness=np.array([9.0, 2.0, 1.0]),
        evaluations=np.array([1, 3, 7]),
        sigma=0.1,
    )
    assert state.best == 1
    assert state.order[0] == 0
    assert state.level == 1.5
    newcomers = replace(state, evaluations=np.array([1, 1, 1]))
    assert newcomers.best == 0
    assert newcomers.level is None


def test_the_schedule_of_the_step_size() -> None:
    for schedule, expected in (("constant", 0.1), ("exponential", 0.09)):
        config = GeneticConfig(sigma_schedule=schedule, sigma_decay=0.9)
        after, _ = Genetic(config, 6).ask(STATE, np.random.default_rng(0))
        assert after.sigma == pytest.approx(expected)
