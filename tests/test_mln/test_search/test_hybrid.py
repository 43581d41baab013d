"""The handover from the genetic algorithm to an evolution strategy."""

from dataclasses import replace

import numpy as np
import pytest
from test_mln.helpers import START, sphere

from mln.config import EvolutionConfig
from mln.search import hybrid
from mln.search.config import GeneticConfig, HandoverConfig, StrategyConfig
from mln.search.genetic import GeneticState
from mln.search.hybrid import SearchState
from mln.search.openai_es import OpenAIState


def hybrid_after_one_generation(config: EvolutionConfig) -> SearchState:
    rng = np.random.default_rng(0)
    asked = hybrid.ask(config, hybrid.init(config, START, rng), rng)
    return hybrid.tell(config, asked, sphere(asked.candidates))


def test_hybrid_hands_over_the_elites_mean_once_at_the_switch_point() -> None:
    config = EvolutionConfig(mode="hybrid", switch_point=0.5)
    state = hybrid_after_one_generation(config)
    assert isinstance(state.inner, GeneticState)
    assert hybrid.hand_over_if_due(config, state, int(0.49 * config.budget), 1) is state
    after = hybrid.hand_over_if_due(config, state, int(0.5 * config.budget), 1)
    assert isinstance(after.inner, OpenAIState)
    elites = state.inner.elites(config.genetic.elites)
    assert np.array_equal(after.inner.mean, elites.mean(0))
    assert hybrid.hand_over_if_due(config, after, config.budget, 2) is after
    record = after.handover
    assert record is not None
    assert (record.member_steps, record.generation) == (config.budget // 2, 1)
    assert (record.reason, record.sigma) == ("budget", config.strategy.sigma)
    assert np.array_equal(record.mean, after.inner.mean)
    assert (record.spread == 1).all()


@pytest.mark.parametrize("mode", ["ga", "es", "random"])
def test_one_algorithm_alone_hands_nothing_over(mode) -> None:
    alone = EvolutionConfig(mode=mode)
    first = hybrid.init(alone, START, np.random.default_rng(0))
    assert hybrid.hand_over_if_due(alone, first, alone.budget, 9) is first
    assert hybrid.phase_of(first) == mode


@pytest.mark.parametrize("kind", ["openai-es", "snes", "sep-cma-es"])
def test_the_elites_spread_becomes_the_spread_of_the_strategys_candidates(kind) -> None:
    config = EvolutionConfig(
        budget=10**8,
        population=2000,
        genetic=GeneticConfig(elites=4),
        strategy=StrategyConfig(kind=kind, sigma=0.1),
        handover=HandoverConfig(spread="elite", spread_floor=0.5),
        switch_point=0,
    )
    population = np.zeros((8, 3), np.float32)
    population[:4, 0], population[:4, 1] = [-2, -1, 1, 2], [0.3, 0.3, -0.3, -0.3]
    genetic = GeneticState(population, -np.arange(8.0), np.full(8, 3), 0.2)
    after = hybrid.hand_over_if_due(config, SearchState(genetic), 7, 1)
    record = after.handover
    assert record is not None
    deviations = record.sigma * record.spread
    assert deviations == pytest.approx([np.sqrt(2.5), 0.3, 0.05], rel=1e-5)
    assert np.mean(record.spread**2) == pytest.approx(1)
    assert hybrid.sigma_of(config, after) == pytest.approx(record.sigma)
    asked = hybrid.ask(config, after, np.random.default_rng(0))
    assert asked.candidates.std(0) == pytest.approx(deviations, rel=0.1)


def test_stagnation_is_judged_on_elites_evaluated_often_enough() -> None:
    watch = HandoverConfig(when="stagnation", patience=2, min_improvement=0.1)
    config = EvolutionConfig(handover=watch, population=4, genetic=GeneticConfig(elites=2))
    rng = np.random.default_rng(0)
    state, stale, due = hybrid.init(config, START, rng), [], []
    for fitness in (9.0, 1.0, 2.0, 2.0, 2.2, 2.0, 2.0):
        asked = hybrid.ask(config, state, rng)
        newcomers_lose = np.array([fitness, fitness, -5.0, -5.0])
        state = hybrid.tell(config, asked, newcomers_lose)
        stale.append(state.stale)
        due.append(hybrid.hand_over_if_due(config, state, 0, len(stale)).handover is not None)
    # the elites' running means: -, -, 4, 3.5, 3.24, 3.03, ...: the first lucky 9 is not the mark
    assert stale == [0, 0, 0, 1, 2, 3, 4]
    assert due == [False] * 4 + [True] * 3
    handed = hybrid.hand_over_if_due(config, state, 0, 7).handover
    assert handed is not None
    assert (handed.reason, handed.generation) == ("stagnation", 7)
    by_budget = replace(config, handover=replace(watch, when="budget"))
    assert hybrid.hand_over_if_due(by_budget, state, 0, 7) is state


def test_an_improving_search_does_not_stagnate() -> None:
    watch = HandoverConfig(when="stagnation", patience=1, min_improvement=0.1)
    config = EvolutionConfig(handover=watch, population=4, genetic=GeneticConfig(elites=2))
    rng = np.random.default_rng(0)
    state = hybrid.init(config, START, rng)
    for generation in range(10):
        asked = hybrid.ask(config, state, rng)
        state = hybrid.tell(config, asked, np.array([generation, generation, -5.0, -5.0]))
        assert hybrid.hand_over_if_due(config, state, 0, generation) is state


def test_a_fitness_that_is_no_number_is_refused() -> None:
    config, rng = EvolutionConfig(), np.random.default_rng(0)
    asked = hybrid.ask(config, hybrid.init(config, START, rng), rng)
    with pytest.raises(ValueError, match="finite"):
        hybrid.tell(config, asked, np.full(config.population, np.nan))
