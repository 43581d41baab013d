"""One way to run our search algorithms and those of other libraries: an iterator of incumbents.

Each entry of `RUNNERS` takes a function on [N, D] arrays that is minimised, a start [D] and a seed,
and yields after each generation the point that the algorithm would deliver: the mean of a
strategy, the best evaluated individual of a genetic algorithm. Libraries are imported on use.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

Point = np.ndarray
Function = Callable[[np.ndarray], np.ndarray]
Runner = Callable[[Function, Point, int], Iterator[Point]]


class PeerSetting(NamedTuple):
    """What all libraries share for one algorithm: see `PEER_SETTINGS`."""

    sigma: float
    rate: float = 0.0
    decay: float = 1.0


PEER_SETTINGS = {
    "openai-es": PeerSetting(sigma=0.1, rate=0.1),
    "snes": PeerSetting(sigma=1.0),
    "sep-cma-es": PeerSetting(sigma=1.0),
    "ga-truncation": PeerSetting(sigma=0.3, decay=0.99),
    "ga-sbx": PeerSetting(sigma=0.1),
}
"""First step size, Adam's rate, decay of the mutation's step size per generation."""

SBX_ETA, TOURNAMENT = 10.0, 4


def population(algorithm: str, dimension: int) -> int:
    """CMA-ES's default 4 + 3 ln D, made even; 50 for a genetic algorithm."""
    if algorithm.startswith("ga"):
        return 50
    size = 4 + int(3 * np.log(dimension))
    return size + size % 2


def ours(algorithm: str) -> Runner:
    """This project's algorithm of that name."""
    from mln.search.base import Start
    from mln.search.config import GeneticConfig, StrategyConfig
    from mln.search.genetic import Genetic
    from mln.search.strategies import make

    chosen = PEER_SETTINGS[algorithm]

    def algorithm_for(size: int):
        if algorithm == "ga-truncation":
            config = GeneticConfig(
                elites=1, selection="truncation", truncation=0.5, crossover_rate=0.0,
                mutation_sigma=chosen.sigma, sigma_decay=chosen.decay, gene_rate=1.0,
            )  # fmt: skip
            return Genetic(config, size)
        if algorithm == "ga-sbx":
            config = GeneticConfig(
                elites=size // 2, tournament=TOURNAMENT, crossover="sbx", crossover_rate=1.0,
                sbx_eta=SBX_ETA, mutation_sigma=chosen.sigma, sigma_schedule="constant",
                gene_rate=1.0,
            )  # fmt: skip
            return Genetic(config, size)
        rate = chosen.rate or 0.1
        return make(StrategyConfig(kind=algorithm, sigma=chosen.sigma, learning_rate=rate), size)

    def run(function: Function, start: Point, seed: int) -> Iterator[Point]:
        rng = np.random.default_rng(seed)
        search = algorithm_for(population(algorithm, len(start)))
        state = search.init(Start(start.astype(np.float32)), rng)
        while True:
            state, candidates = search.ask(state, rng)
            state = search.tell(state, -function(candidates.astype(np.float64)))
            genetic = algorithm.startswith("ga")
            yield state.population[state.order[0]] if genetic else search.incumbent(state)

    return run


def pycma(algorithm: str) -> Runner:
    """CMA-ES with the option CMA_diagonal."""
    import cma

    def run(function: Function, start: Point, seed: int) -> Iterator[Point]:
        size = population(algorithm, len(start))
        options = {"CMA_diagonal": True, "popsize": size, "seed": seed + 1, "verbose": -9}
        es = cma.CMAEvolutionStrategy(start, PEER_SETTINGS[algorithm].sigma, options)
        while True:
            candidates = es.ask()
            es.tell(candidates, list(function(np.array(candidates))))
            yield es.mean

    return run


def evosax(algorithm: str) -> Runner:
    """Open_ES with Adam, SNES, Sep_CMA_ES, SimpleGA."""
    import jax
    import optax
    from evosax import algorithms

    chosen = PEER_SETTINGS[algorithm]
    genetic = algorithm.startswith("ga")

    @cache  # its compiled functions belong to the object
    def algorithm_for(dimension: int):
        size, like = population(algorithm, dimension), np.zeros(dimension, np.float32)
        if algorithm == "openai-es":
            steady = optax.constant_schedule(chosen.sigma)
            adam = optax.adam(chosen.rate)
            return algorithms.Open_ES(size, like, optimizer=adam, std_schedule=steady)
        if genetic:
            schedule = optax.exponential_decay(chosen.sigma, 1, chosen.decay)
            return algorithms.SimpleGA(size, like, std_schedule=schedule)
        kind = algorithms.SNES if algorithm == "snes" else algorithms.Sep_CMA_ES
        return kind(size, like)

    def run(function: Function, start: Point, seed: int) -> Iterator[Point]:
        es, key = algorithm_for(len(start)), jax.random.key(seed)
        params, first = es.default_params, start.astype(np.float32)
        if algorithm in ("snes", "sep-cma-es"):
            params = params.replace(std_init=chosen.sigma)
        if genetic:
            noise = np.random.default_rng(seed).standard_normal((es.population_size, len(start)))
            noise[0] = 0
            crowd = (start + chosen.sigma * noise).astype(np.float32)
            state = es.init(key, crowd, function(crowd.astype(np.float64)), params)
            yield crowd[function(crowd.astype(np.float64)).argmin()]
        else:
            state = es.init(key, first, params)
        while True:
            key, for_ask, for_tell = jax.random.split(key, 3)
            candidates, state = es.ask(for_ask, state, params)
            values = function(np.asarray(candidates, dtype=np.float64)).astype(np.float32)
            state, _ = es.tell(for_tell, candidates, values, state, params)
            yield np.asarray(state.best_solution if genetic else state.mean)

    return run


def evotorch(algorithm: str) -> Runner:
    """PGPE with Adam and a fixed step size (= OpenAI-ES), SNES, CMAES, GeneticAlgorithm."""
    import logging

    import torch
    from evotorch import Problem
    from evotorch import algorithms as kinds
    from evotorch.operators import GaussianMutation, SimulatedBinaryCrossOver

    logging.disable(logging.INFO)
    torch.set_num_threads(1)
    chosen = PEER_SETTINGS[algorithm]

    def run(function: Function, start: Point, seed: int) -> Iterator[Point]:
        size, first = population(algorithm, len(start)), torch.from_numpy(start)

        def evaluate(x: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(function(x.numpy()))

        class Around(Problem):
            """The first population lies around the start, as the others' do."""

            def _fill(self, values: torch.Tensor) -> None:
                noise = torch.randn(values.shape, generator=self.generator, dtype=values.dtype)
                values[:] = first + chosen.sigma * noise

        problem = Around(
            "min", evaluate, solution_length=len(start), dtype=torch.float64,
            initial_bounds=(-1, 1), vectorized=True, seed=seed,
        )  # fmt: skip
        common = {"center_init": first, "stdev_init": chosen.sigma, "popsize": size}
        if algorithm == "openai-es":
            search = kinds.PGPE(
                problem, **common, center_learning_rate=chosen.rate, stdev_learning_rate=0.0,
                optimizer="adam", ranking_method="centered", stdev_max_change=None,
            )  # fmt: skip
        elif algorithm == "ga-sbx":
            operators = [
                SimulatedBinaryCrossOver(problem, tournament_size=TOURNAMENT, eta=SBX_ETA),
                GaussianMutation(problem, stdev=chosen.sigma),
            ]
            search = kinds.GeneticAlgorithm(problem, operators=operators, popsize=size)
        elif algorithm == "snes":
            search = kinds.SNES(problem, **common)
        else:
            search = kinds.CMAES(problem, **common, separable=True)
        while True:
            search.step()
            if algorithm == "ga-sbx":
                yield search.status["pop_best"].values.numpy()
            else:
                yield search.status["center"].numpy()

    return run


RUNNERS: dict[str, tuple[Callable[[str], Runner], tuple[str, ...]]] = {
    "ours": (ours, tuple(PEER_SETTINGS)),
    "cma": (pycma, ("sep-cma-es",)),
    "evosax": (evosax, ("openai-es", "snes", "sep-cma-es", "ga-truncation")),
    "evotorch": (evotorch, ("openai-es", "snes", "sep-cma-es", "ga-sbx")),
}
"""Library: how to get a runner of an algorithm, and the algorithms that it has."""
