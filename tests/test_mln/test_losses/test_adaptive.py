"""Adaptive losses, whose exponents follow the state of training."""

import numpy as np
import pytest
import torch
from test_mln.helpers import same_bits, small_problem
from torch.nn import functional

from mln.config import ADAPTIVE_STATE, STATE_FEATURES, LossSpec, TrainingSpec
from mln.genome import imitation
from mln.kernels import analytic
from mln.layout import EXPONENTS, layout
from mln.losses.adaptive import AdaptiveLoss
from mln.losses.formulas import CrossEntropy
from mln.losses.state import NEUTRAL
from mln.rollout import Members
from mln.search.operators import mutate

SPEC = LossSpec(kind="adaptive")


@pytest.mark.parametrize("state", [(), ADAPTIVE_STATE, STATE_FEATURES])
def test_it_starts_at_cross_entropy_itself_to_the_last_bit(state: tuple[str, ...]) -> None:
    spec = LossSpec(kind="adaptive", state=state)  # type: ignore[arg-type]
    genome = imitation(spec)
    assert not genome.any()
    rng = np.random.default_rng(0)
    for classes in (2, 3, 10):
        loss = AdaptiveLoss(spec, torch.tensor(genome)[None], classes)
        z = torch.from_numpy(rng.standard_normal((1, classes, 50)) * 4).float()
        labels = torch.from_numpy(rng.integers(classes, size=(1, 50)))
        y = functional.one_hot(labels, classes).transpose(1, 2).float()
        p, even = z.softmax(1), torch.full((50,), 1 / 50)
        for step in range(3):
            loss.state.observe(p, y, even, step, 3)
            assert torch.equal(loss.value(z, y), CrossEntropy(1).value(z, y))
            assert torch.equal(loss.gradient(p, y), CrossEntropy(1).gradient(p, y))
    problem = small_problem(training=TrainingSpec(20, 8))
    members = Members(np.array([0, 1, 2]), np.full(3, 0.01))
    ours = AdaptiveLoss(spec, torch.tensor(genome).expand(3, -1), problem.classes)
    assert same_bits(
        analytic.rollout(problem, members, ours, [10, 20]),
        analytic.rollout(problem, members, CrossEntropy(3), [10, 20]),
    )


def test_exponents_are_the_law_that_the_genes_say() -> None:
    """q = .8 progress - .2 and tau = 1 + .4 accuracy, in units of their ranges of .5 and 2."""
    spec = LossSpec(kind="adaptive", max_q=0.5)
    theta = torch.zeros(1, 24)
    theta[0, :20].view(4, 5)[0, 0] = 1.6
    theta[0, :20].view(4, 5)[3, 1] = 0.2
    theta[0, 20:] = torch.tensor([-0.4, 0.0, -0.1, 0.5])
    loss = AdaptiveLoss(spec, theta, 3)
    for stage, (progress, accuracy) in NEUTRAL.items():
        loss.state.hold(stage)
        found = [float(exponent) for exponent in loss.exponents()]
        q = min(max(0.8 * progress - 0.2, 0.0), 0.5)
        assert found == pytest.approx([q, 0, 0, 1 + 0.4 * accuracy], abs=1e-6)


def test_one_mutation_moves_an_exponent_by_a_tenth_of_its_range() -> None:
    """The genome's scale: sigma .1, on half of the genes, away from both ends of the range."""
    rng = np.random.default_rng(0)
    middle = np.zeros((2000, layout(SPEC).size), np.float32)
    middle[:, -4:] = 0.5
    theta = torch.from_numpy(mutate(middle, 0.1, 0.5, rng))
    loss = AdaptiveLoss(SPEC, theta, 5)
    for stage in NEUTRAL:
        loss.state.hold(stage)
        for name, found, largest in zip(EXPONENTS, loss.exponents(), SPEC.ranges, strict=True):
            moved = float((found / largest - 0.5).square().mean().sqrt())
            assert 0.06 < moved < 0.14, (stage, name)


def test_a_range_of_zero_does_without_the_exponent() -> None:
    spec = LossSpec(kind="adaptive", max_gamma=0.0, max_tau=0.0)
    loss = AdaptiveLoss(spec, torch.ones(2, 24), 3)
    q, eps, gamma, tau = loss.exponents()
    assert (q == 1).all()
    assert torch.allclose(eps, torch.tensor(0.3))
    assert not gamma.any()
    assert not tau.any()
