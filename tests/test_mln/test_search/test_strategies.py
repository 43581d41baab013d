"""Evolution strategies: what holds for all of them, and each one's published formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mln.helpers import START, rotated_ellipsoid, sphere

from mln.search.base import Start
from mln.search.config import StrategyConfig
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
