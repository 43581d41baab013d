"""GA, ES and their hybrid on functions whose optimum is known."""

from dataclasses import replace

import numpy as np
import pytest

from mln import genetic, hybrid, strategies
from mln.config import EvolutionConfig, GeneticConfig, StrategyConfig
from mln.genetic import GeneticState
from mln.strategies import StrategyState, centred_ranks

DIMENSION = 8
START = np.full(DIMENSION, 2.0, dtype=np.float32)


def sphere(x: np.ndarray) -> np.ndarray:
    return -np.square(x, dtype=np.float64).sum(1)


def rotated_ellipsoid(x: np.ndarray) -> np.ndarray:
    """Condition number 1,000, axes turned by a fixed rotation."""
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.standard_normal((DIMENSION, DIMENSION)))
    return -(np.logspace(0, 3, DIMENSION) * (x @ rotation) ** 2).sum(1)


@pytest.mark.parametrize(("function", "share"), [(sphere, 1e-2), (rotated_ellipsoid, 3e-2)])
def test_genetic_algorithm_descends(function, share: float) -> None:
    config = GeneticConfig(mutation_sigma=0.5, sigma_decay=0.97)
    finals = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        state = genetic.init(config, START, 40, rng)
        for _ in range(150):
            state = genetic.ask(config, state, rng)
            state = genetic.tell(state, function(state.population))
        finals.append(function(state.best[None])[0])
    assert np.median(finals) > share * function(START[None])[0]


@pytest.mark.parametrize(("function", "share"), [(sphere, 1e-2), (rotated_ellipsoid, 3e-2)])
def test_evolution_strategy_descends(function, share: float) -> None:
    config = StrategyConfig(sigma=0.05, learning_rate=0.05)
    finals = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        state = strategies.init(START)
        for _ in range(300):
            state, candidates = strategies.ask(config, state, 40, rng)
            state = strategies.tell(config, state, function(candidates))
        finals.append(function(state.mean[None])[0])
    assert np.median(finals) > share * function(START[None])[0]


def test_elites_keep_the_mean_of_all_their_evaluations() -> None:
    config = GeneticConfig(elites=2)
    rng = np.random.default_rng(0)
    state = genetic.init(config, START, 6, rng)
    state = genetic.tell(state, np.array([0.0, 5.0, 1.0, 4.0, 2.0, 3.0]))
    elites = state.population[[1, 3]]
    state = genetic.ask(config, state, rng)
    assert np.array_equal(state.population[:2], elites)
    assert state.evaluations.tolist() == [1, 1, 0, 0, 0, 0]
    state = genetic.tell(state, np.array([1.0, 2.0, 0.0, 0.0, 0.0, 0.0]))
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
    newcomers = replace(state, evaluations=np.array([1, 1, 1]))
    assert newcomers.best == 0


def test_mutation_touches_the_declared_share_of_genes() -> None:
    genomes = np.zeros((200, 50), np.float32)
    mutants = genetic.mutate(genomes, 0.3, 0.25, np.random.default_rng(1))
    changed = mutants != 0
    assert changed.mean() == pytest.approx(0.25, abs=0.02)
    assert mutants[changed].std() == pytest.approx(0.3, abs=0.02)


def test_centred_ranks() -> None:
    assert centred_ranks(np.array([3.0, 1.0, 2.0])).tolist() == [0.5, -0.5, 0.0]
    assert centred_ranks(np.array([1.0, 1.0, 5.0])).tolist() == [-0.25, -0.25, 0.5]
    assert centred_ranks(np.zeros(4)).tolist() == [0.0] * 4


def test_equal_fitness_moves_no_strategy() -> None:
    config = StrategyConfig()
    state, candidates = strategies.ask(config, strategies.init(START), 10, np.random.default_rng(0))
    assert np.array_equal(strategies.tell(config, state, np.ones(len(candidates))).mean, START)


def test_hybrid_hands_over_the_elites_mean_once_at_the_switch_point() -> None:
    config = EvolutionConfig(mode="hybrid", switch_point=0.5)
    rng = np.random.default_rng(0)
    state = hybrid.init(config, START, rng)
    asked = hybrid.ask(config, state, rng)
    state = hybrid.tell(config, asked, sphere(asked.candidates))
    assert isinstance(state, GeneticState)
    assert hybrid.hand_over_if_due(config, state, int(0.49 * config.budget)) is state
    after = hybrid.hand_over_if_due(config, state, int(0.5 * config.budget))
    assert isinstance(after, StrategyState)
    assert np.array_equal(after.mean, genetic.elite_mean(config.genetic, state))
    assert hybrid.hand_over_if_due(config, after, config.budget) is after
    for mode in ("ga", "es"):
        alone = replace(config, mode=mode)
        first = hybrid.init(alone, START, rng)
        assert hybrid.hand_over_if_due(alone, first, config.budget) is first
        assert hybrid.phase_of(first) == mode


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"population": -4}, "population must be at least 4"),
        ({"population": 7}, "even"),
        ({"switch_point": 1.5}, "switch_point"),
        ({"budget": 10}, "less than one generation"),
        ({"genetic": GeneticConfig(elites=40)}, "elites"),
        ({"learning_rates": ()}, "learning_rates"),
    ],
)
def test_impossible_settings_are_refused(change: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(EvolutionConfig(), **change)
