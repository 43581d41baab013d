"""Selection, crossover and mutation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mln.search import operators
from mln.search.config import GeneticConfig


def test_mutation_touches_the_declared_share_of_genes() -> None:
    genomes = np.zeros((200, 50), np.float32)
    mutants = operators.mutate(genomes, 0.3, 0.25, np.random.default_rng(1))
    changed = mutants != 0
    assert changed.mean() == pytest.approx(0.25, abs=0.02)
    assert mutants[changed].std() == pytest.approx(0.3, abs=0.02)


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
