"""The constants and the step size of sep-CMA-ES."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_mln.helpers import START, sphere

from mln.search.base import Start
from mln.search.config import StrategyConfig
from mln.search.sep_cma_es import constants
from mln.search.snes import utilities
from mln.search.strategies import make

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


def test_sep_cma_es_on_random_fitness_has_no_bias_of_step_size() -> None:
    rng = np.random.default_rng(1)
    logs = []
    for seed in range(20):
        search, state = after("sep-cma-es", lambda x: rng.standard_normal(len(x)), 50, seed)
        logs.append(np.log(search.sigma(state) / 0.5))
    assert abs(np.mean(logs)) < 0.5


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
