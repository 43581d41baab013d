"""Random search, on functions with a known optimum."""

import numpy as np
import pytest
from test_mln.helpers import START, sphere

from mln.search.base import Start
from mln.search.config import GeneticConfig
from mln.search.genetic import Genetic
from mln.search.random_search import RandomSearch

VARIANTS = {
    "default": GeneticConfig(mutation_sigma=0.5),
    "truncation": GeneticConfig(mutation_sigma=0.5, selection="truncation"),
    "blend": GeneticConfig(mutation_sigma=0.2, crossover="blend"),
    "sbx": GeneticConfig(mutation_sigma=0.5, crossover="sbx", crossover_rate=1.0),
    "constant": GeneticConfig(mutation_sigma=0.1, sigma_schedule="constant"),
}


def final_value(search, function, generations: int, seed: int) -> float:
    rng = np.random.default_rng(seed)
    state = search.init(Start(START), rng)
    for _ in range(generations):
        state, candidates = search.ask(state, rng)
        state = search.tell(state, function(candidates))
    return float(function(search.incumbent(state)[None])[0])


def test_random_search_is_better_than_its_start_and_worse_than_the_genetic_algorithm() -> None:
    config = VARIANTS["default"]
    drawn = np.median([final_value(RandomSearch(config, 20), sphere, 50, s) for s in range(5)])
    bred = np.median([final_value(Genetic(config, 20), sphere, 50, s) for s in range(5)])
    assert sphere(START[None])[0] < drawn < bred


def test_random_search_draws_independently_around_the_start_and_keeps_the_best() -> None:
    config = GeneticConfig(elites=1, mutation_sigma=0.5, gene_rate=1.0)
    search, rng = RandomSearch(config, 400), np.random.default_rng(0)
    state = search.init(Start(START), rng)
    for _ in range(3):
        state, candidates = search.ask(state, rng)
        best = candidates[sphere(candidates).argmax()]
        state = search.tell(state, sphere(candidates))
        _, following = search.ask(state, rng)
        assert np.array_equal(following[0], best)
        assert following[1:].mean() == pytest.approx(2.0, abs=0.05)
        assert following[1:].std() == pytest.approx(0.5, abs=0.05)
