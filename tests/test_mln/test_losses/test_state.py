"""The state of training: its features, and that a rollout keeps it for each learner."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mln.helpers import SPECS, small_problem, some_genomes
from torch import Tensor
from torch.nn import functional

from mln.config import STATE_FEATURES, LossSpec, TrainingSpec
from mln.kernels import analytic, reference
from mln.layout import layout
from mln.losses.meta import stacked_from_genomes
from mln.losses.state import TrainingState
from mln.rollout import Members, RolloutOptions


def batch(
    classes: int, seed: int, spread: float = 2.0, labels: int | None = None
) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    p = torch.from_numpy(rng.standard_normal((2, classes, 8)) * spread).softmax(1)
    drawn = torch.from_numpy(rng.integers(labels or classes, size=(2, 8)))
    return p, functional.one_hot(drawn, classes).transpose(1, 2).double()


EVEN = torch.full((8,), 1 / 8, dtype=torch.float64)


def new_state(classes: int) -> TrainingState:
    state = TrainingState(STATE_FEATURES, 2, classes, torch.zeros(2, dtype=torch.float64))
    state.reset()
    return state


@given(
    classes=st.integers(2, 30),
    spread=st.floats(0, 1e4),
    steps=st.integers(1, 12),
    seed=st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_every_feature_is_bounded(classes: int, spread: float, steps: int, seed: int) -> None:
    state = new_state(classes)
    for step in range(steps):
        state.observe(*batch(classes, seed + step, spread), EVEN, step, steps // 2 + 1)
        assert state.features.shape == (2, 16)
        assert (state.features.abs() <= 1).all()
        assert (state.features[:, 9:] == 0).all()


def test_features_mean_what_they_are_called() -> None:
    state = new_state(4)
    p, y = batch(4, 0, labels=2)
    for step in range(500):
        state.observe(p, y, EVEN, step, 1000)
    features = dict(zip(STATE_FEATURES, state.features[0].tolist(), strict=False))
    hit = (p.argmax(1) == y.argmax(1))[0].double()
    confidence = p.amax(1)[0]
    frequency = y[0].mean(1)
    entropy = -torch.special.xlogy(frequency, frequency).sum() / np.log(4)
    expected = {
        "progress": 0.499,
        "target_probability": float((p * y).sum(1)[0].mean()),
        "accuracy": float(hit.mean()),
        "confidence": float(confidence.mean()),
        "disagreement": float((confidence * (1 - hit)).mean()),
        "drop": 0.0,
        "calibration_gap": float(confidence.mean() - hit.mean()),
        "class_entropy": float(entropy),
        "classes": np.log(2) / np.log(5),
    }
    assert features == pytest.approx(expected, abs=0.02)
    wrong = functional.one_hot(p.argmin(1), 4).transpose(1, 2).double()
    for step in range(500, 520):
        state.observe(p, wrong, EVEN, step, 1000)
    drop = state.features[0, STATE_FEATURES.index("drop")]
    assert drop > 0.3 * float(hit.mean())


def test_examples_without_weight_do_not_count() -> None:
    p, y = batch(3, 1)
    half = torch.tensor([0.25] * 4 + [0.0] * 4, dtype=torch.float64)
    states = [new_state(3), new_state(3)]
    states[0].observe(p, y, half, 0, 5)
    changed = y.clone()
    changed[..., 4:] = changed[..., 4:].roll(1, 1)
    states[1].observe(p, changed, half, 0, 5)
    assert torch.equal(states[0].features, states[1].features)


@pytest.mark.parametrize("name", ["adaptive", "adaptive_constant", "gate", "deep"])
def test_a_rollout_starts_over_and_changes_no_loss(name: str) -> None:
    problem = small_problem(training=TrainingSpec(steps=9, batch_size=5))
    genomes = torch.from_numpy(some_genomes(SPECS[name], 3)).float()
    losses = stacked_from_genomes(SPECS[name], genomes, problem.classes)
    members = Members(np.array([0, 1, 2]), np.full(3, 0.01))
    once, again = (analytic.rollout(problem, members, losses, [9]) for _ in range(2))
    np.testing.assert_array_equal(once.scores["outer_valid"].nll, again.scores["outer_valid"].nll)


@pytest.mark.parametrize("kernel", [analytic, reference])
def test_training_depends_on_the_state(kernel: object) -> None:
    """A gate that opens with progress trains otherwise than one that stays shut."""
    problem = small_problem(training=TrainingSpec(steps=20, batch_size=8))
    spec = LossSpec(head="gate", state=("progress",), hidden=4)
    genomes = np.tile(some_genomes(spec, 1), (2, 1))
    genomes[:, -4:] = [0.0, -30.0, 0.0, 0.0]
    genomes[1, -4] = 60.0
    losses = stacked_from_genomes(spec, torch.from_numpy(genomes), problem.classes)
    result = kernel.rollout(  # type: ignore[attr-defined]
        problem,
        Members(np.zeros(2, int), np.full(2, 0.05)),
        losses,
        [8, 20],
        RolloutOptions(dtype=torch.float64),
    )
    early, late = result.scores["outer_valid"].nll.T
    assert early[0] == pytest.approx(early[1], rel=1e-3)
    assert late[0] != pytest.approx(late[1], rel=1e-3)


def test_logit_adjustment_follows_the_classes_that_were_seen() -> None:
    """With tau the rare class is pulled up: the gradient of an even guess favours it."""
    spec = LossSpec(kind="adaptive", state=())
    theta = torch.zeros(2, layout(spec).size, dtype=torch.float64)
    theta[1, -1] = 0.5
    loss = stacked_from_genomes(spec, theta, 2)
    state = loss.state
    assert state is not None
    state.reset()
    p = torch.full((2, 2, 8), 0.5, dtype=torch.float64)
    y = functional.one_hot(torch.tensor([[0] * 7 + [1]] * 2), 2).transpose(1, 2).double()
    for step in range(400):
        state.observe(p, y, EVEN, step, 400)
    plain, adjusted = loss.gradient(p, y)
    assert plain[1, 7] / plain[1, 0] == pytest.approx(-1.0)
    # tau = 1: the rare class pulls as often as it is absent, and 7 times as hard.
    assert adjusted[1, 7] / adjusted[1, 0] == pytest.approx(-7.0, rel=0.1)
