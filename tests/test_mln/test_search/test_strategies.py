"""Evolution strategies: what holds for all of them, and each one's published formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mln.helpers import START, rotated_ellipsoid, sphere

from mln.search.base import Start, by_rank, centred_ranks
from mln.search.config import StrategyConfig
from mln.search.sep_cma_es import constants
from mln.search.snes import utilities
from mln.search.strategies import make

KINDS = ("openai-es", "snes", "sep-cma-es")
CONFIGS = {
    "openai-es": StrategyConfig(sigma=0.05, learning_rate=0.05),
    "snes": StrategyConfig(kind="snes", sigma=0.5),
    "sep-cma-es": StrategyConfig(kind="sep-cma-es", sigma=0.5),
}


def after(kind: str, function, generations: int, seed: int, start: Start | None = None):
    search, rng = make(CONFIGS[kind], 20), np.random.default_rng(seed)
    state = search.init(start or Start(START), rng)
    for _ in range(generations):
        state, candidates = search.ask(state, rng)
        state = search.tell(state, function(candidates))
    return search, state


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("function", "share"), [(sphere, 1e-2), (rotated_ellipsoid, 3e-2)])
def test_strategies_descend(function, share: float, kind: str) -> None:
    finals = []
    for seed in range(5):
        search, state = after(kind, function, 300, seed)
        finals.append(function(search.incumbent(state)[None])[0])
    assert np.median(finals) > share * function(START[None])[0]


@pytest.mark.parametrize("kind", ["snes", "sep-cma-es"])
def test_adaptive_strategies_converge_and_learn_the_scales_of_the_axes(kind: str) -> None:
    scales = np.logspace(0, 2, len(START))

    def ellipsoid(x: np.ndarray) -> np.ndarray:
        return -np.square(scales * x, dtype=np.float64).sum(1)

    search, state = after(kind, ellipsoid, 400, 0)
    assert ellipsoid(search.incumbent(state)[None])[0] > -1e-12
    assert search.sigma(state) < 1e-6
    deviations = state.deviations if kind == "snes" else np.sqrt(state.variances)
    learnt = deviations * scales
    assert learnt.max() / learnt.min() < 10


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_only_the_order_of_fitness_counts(kind: str, seed: int) -> None:
    _, plain = after(kind, sphere, 3, seed)
    _, squashed = after(kind, lambda x: np.arctan(sphere(x) / 50), 3, seed)
    for name, value in vars(plain).items():
        assert np.array_equal(value, getattr(squashed, name)), name


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_state_is_finite_and_equals_its_rerun(kind: str, seed: int) -> None:
    search, state = after(kind, rotated_ellipsoid, 5, seed)
    _, again = after(kind, rotated_ellipsoid, 5, seed)
    for name, value in vars(state).items():
        assert np.array_equal(value, getattr(again, name))
        assert np.isfinite(value).all()
    assert search.sigma(state) > 0
    assert search.incumbent(state).dtype == np.float32


@pytest.mark.parametrize("kind", KINDS)
def test_the_start_decides_where_candidates_are_drawn(kind: str) -> None:
    search, rng = make(CONFIGS[kind], 4000), np.random.default_rng(0)
    spread = np.linspace(0.5, 1.5, len(START))
    state = search.init(Start(START, spread, 0.3), rng)
    assert np.array_equal(search.incumbent(state), START)
    _, candidates = search.ask(state, rng)
    assert candidates.dtype == np.float32
    assert candidates.mean(0) == pytest.approx(START, abs=0.03)
    assert candidates.std(0) == pytest.approx(0.3 * spread, rel=0.06)


@pytest.mark.parametrize("kind", ["openai-es", "snes"])
def test_equal_fitness_moves_nothing(kind: str) -> None:
    search, state = after(kind, lambda x: np.ones(len(x)), 1, 0)
    assert np.allclose(search.incumbent(state), START, atol=1e-6)
    assert search.sigma(state) == pytest.approx(CONFIGS[kind].sigma)


def test_sep_cma_es_on_random_fitness_has_no_bias_of_step_size() -> None:
    rng = np.random.default_rng(1)
    logs = []
    for seed in range(20):
        search, state = after("sep-cma-es", lambda x: rng.standard_normal(len(x)), 50, seed)
        logs.append(np.log(search.sigma(state) / 0.5))
    assert abs(np.mean(logs)) < 0.5


def test_centred_ranks() -> None:
    assert centred_ranks(np.array([3.0, 1.0, 2.0])).tolist() == [0.5, -0.5, 0.0]
    assert centred_ranks(np.array([1.0, 1.0, 5.0])).tolist() == [-0.25, -0.25, 0.5]
    assert centred_ranks(np.zeros(4)).tolist() == [0.0] * 4


def test_weights_by_rank_share_ties() -> None:
    weights = np.array([0.6, 0.3, 0.1])
    assert by_rank(weights, np.array([1.0, 3.0, 2.0])).tolist() == pytest.approx([0.1, 0.6, 0.3])
    assert by_rank(weights, np.array([2.0, 2.0, 1.0])).tolist() == pytest.approx([0.45, 0.45, 0.1])


@given(population=st.integers(4, 200), genes=st.integers(1, 500))
def test_constants(population: int, genes: int) -> None:
    weights = utilities(population)
    assert weights.sum() == pytest.approx(0, abs=1e-12)
    assert (np.diff(weights) <= 0).all()
    k = constants(population, genes)
    assert k.weights.clip(min=0).sum() == pytest.approx(1)
    assert k.weights.clip(max=0).sum() >= -1 - k.c_1 / k.c_mu - 1e-9
    assert (np.diff(k.weights) <= 0).all()
    assert 1 <= k.mu_eff <= population / 2 + 1e-9
    assert 0 < k.c_1 + k.c_mu <= 1
    for rate in (k.c_sigma, k.c_c, k.c_1):
        assert 0 < rate <= 1


def test_constants_of_the_tutorial() -> None:
    """Worked by hand from table 1 for N = 10, G = 10; the diagonal's rates as cma's documentation
    prints them for N = 12, G = 20."""
    k = constants(10, 10)
    assert k.weights[:5] == pytest.approx([0.45627, 0.27075, 0.16223, 0.08524, 0.02551], abs=1e-5)
    assert k.mu_eff == pytest.approx(3.1673, abs=1e-4)
    assert k.c_sigma == pytest.approx(5.1673 / 18.1673, abs=1e-5)
    k = constants(12, 20)
    assert k.c_1 == pytest.approx(0.0343279, abs=1e-7)
    assert k.c_c == pytest.approx(0.252594, abs=1e-6)
    assert k.c_mu == pytest.approx(0.0565385, abs=1e-7)


def test_two_points_adapt_the_step_size_in_many_dimensions() -> None:
    search, state = after("sep-cma-es", sphere, 1, 0, Start(np.full(400, 2.0, np.float32)))
    assert state.shift.any()
    ahead, candidates = search.ask(state, np.random.default_rng(1))
    way = (candidates - state.mean) / state.step_size
    assert np.allclose(way[0], -way[1], atol=1e-5)
    cosine = way[0] @ state.shift / np.linalg.norm(way[0]) / np.linalg.norm(state.shift)
    assert cosine == pytest.approx(1, abs=1e-5)
    further = np.zeros(len(candidates))
    further[:2] = 1, -1
    assert search.tell(ahead, further).step_size > state.step_size
    assert search.tell(ahead, -further).step_size < state.step_size
