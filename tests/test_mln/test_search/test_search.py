"""The genetic algorithm, random search and the handover, on functions with a known optimum."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mln.helpers import START, rotated_ellipsoid, sphere

from mln.config import EvolutionConfig
from mln.search import hybrid, operators
from mln.search.base import Start
from mln.search.config import GeneticConfig, HandoverConfig, StrategyConfig
from mln.search.genetic import Genetic, GeneticState
from mln.search.hybrid import SearchState
from mln.search.openai_es import OpenAIState
from mln.search.random_search import RandomSearch

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


def test_mutation_touches_the_declared_share_of_genes() -> None:
    genomes = np.zeros((200, 50), np.float32)
    mutants = operators.mutate(genomes, 0.3, 0.25, np.random.default_rng(1))
    changed = mutants != 0
    assert changed.mean() == pytest.approx(0.25, abs=0.02)
    assert mutants[changed].std() == pytest.approx(0.3, abs=0.02)


def test_the_schedule_of_the_step_size() -> None:
    for schedule, expected in (("constant", 0.1), ("exponential", 0.09)):
        config = GeneticConfig(sigma_schedule=schedule, sigma_decay=0.9)
        after, _ = Genetic(config, 6).ask(STATE, np.random.default_rng(0))
        assert after.sigma == pytest.approx(expected)


@given(
    fitness=st.lists(st.floats(-10, 10), min_size=2, max_size=30),
    share=st.floats(0.01, 1),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_selection(fitness: list[float], share: float, seed: int) -> None:
    values, rng = np.array(fitness), np.random.default_rng(seed)
    count = int(np.ceil(share * len(values)))
    truncation = GeneticConfig(selection="truncation", truncation=share)
    parents = operators.select(truncation, values, 20, rng)
    assert parents.shape == (2, 20)
    assert values[parents].min() >= np.sort(values)[-count]
    everybody = GeneticConfig(tournament=400)
    assert (values[operators.select(everybody, values, 20, rng)] == values.max()).all()


@given(
    kind=st.sampled_from(["uniform", "blend", "sbx"]),
    alpha=st.floats(0, 1),
    eta=st.floats(0, 30),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_crossover(kind, alpha: float, eta: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mothers, fathers = rng.standard_normal((2, 50, 6), dtype=np.float32)
    config = GeneticConfig(crossover=kind, crossover_rate=1, blend_alpha=alpha, sbx_eta=eta)
    children = operators.cross(config, mothers, fathers, rng)[1]
    assert children.dtype == np.float32
    low, high = np.minimum(mothers, fathers), np.maximum(mothers, fathers)
    if kind == "uniform":
        assert ((children == mothers) | (children == fathers)).all()
    elif kind == "blend":
        margin = alpha * (high - low) + 1e-5
        assert ((children >= low - margin) & (children <= high + margin)).all()
    same = operators.cross(config, mothers, mothers, rng)[1]
    assert np.allclose(same, mothers, atol=1e-5)
    never = replace(config, crossover_rate=0)
    assert np.array_equal(operators.cross(never, mothers, fathers, rng)[1], mothers)


def test_sbx_has_the_spread_of_its_index() -> None:
    """The median of |2 child - mother - father| / |mother - father| is 1; a large index is near."""
    rng = np.random.default_rng(0)
    mothers, fathers = np.zeros((1, 20_000), np.float32), np.ones((1, 20_000), np.float32)
    beta = {}
    for eta in (2.0, 20.0):
        config = GeneticConfig(crossover="sbx", crossover_rate=1, sbx_eta=eta)
        beta[eta] = np.abs(2 * operators.cross(config, mothers, fathers, rng)[1] - 1)
        assert np.median(beta[eta]) == pytest.approx(1, abs=0.02)
        # P(beta <= b) = b^(eta + 1) / 2 for b <= 1 (Deb and Agrawal 1995, equation 9)
        assert (beta[eta] <= 0.8).mean() == pytest.approx(0.8 ** (eta + 1) / 2, abs=0.02)
    assert beta[20.0].std() < beta[2.0].std()


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


@pytest.mark.parametrize(
    ("config", "key", "value"),
    [
        (GeneticConfig(), "truncation", 0.0),
        (GeneticConfig(), "truncation", 1.1),
        (GeneticConfig(), "blend_alpha", -0.1),
        (GeneticConfig(), "sbx_eta", float("nan")),
        (StrategyConfig(), "mean_rate", 0.0),
        (HandoverConfig(), "patience", 0),
        (HandoverConfig(), "min_improvement", -0.1),
        (HandoverConfig(), "spread_floor", 0.0),
    ],
)
def test_a_setting_out_of_range_is_named(config, key: str, value: float) -> None:
    with pytest.raises(ValueError, match=key):
        replace(config, **{key: value})
