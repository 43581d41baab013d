"""The compiled kernel under losses that follow the state of training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.random import SeedSequence
from test_mln.helpers import linear_task, members_of, same_bits, small_problem, some_genomes

from mln.config import ADAPTIVE_STATE, STATE_FEATURES, LearnerSpec, LossSpec, TrainingSpec
from mln.drift import label_cycle
from mln.kernels import engine, fused, reference
from mln.layout import EXPONENTS, layout
from mln.losses.base import StackedLoss
from mln.losses.formulas import (
    CrossEntropy,
    Focal,
    GeneralisedCrossEntropy,
    LabelSmoothing,
)
from mln.losses.meta import stacked_from_genomes
from mln.problem import Problem, make_problem
from mln.random import generator
from mln.rollout import Members, RolloutOptions

KEEP = RolloutOptions(keep_weights=True)
EXACT = RolloutOptions(keep_weights=True, dtype=torch.float64)
CONSTANT = LossSpec(kind="adaptive", state=(), normalise=False)


def drifting(classes: int = 4, steps: int = 40) -> Problem:
    seeds = [SeedSequence([5, k]) for k in range(2)]
    tasks = [label_cycle(linear_task(s, 6, classes), 0.6, generator(s, 3)) for s in seeds]
    training = TrainingSpec(steps, 13, optimizer="sgd", momentum=0.8)
    return make_problem(tasks, seeds, LearnerSpec(hidden=(9,)), training, ("outer_valid",))


def weights(problem: Problem, losses: StackedLoss, lr: float = 0.05) -> np.ndarray:
    members = Members(np.arange(len(losses)) % len(problem), np.full(len(losses), lr))
    found = fused.rollout(problem, members, losses, (), KEEP).weights
    assert found is not None
    return found


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("state", [(), ADAPTIVE_STATE])
def test_genome_0_trains_as_cross_entropy_to_the_last_bit(
    state: tuple[str, ...], optimizer: str
) -> None:
    training = TrainingSpec(20, 21, optimizer=optimizer)  # type: ignore[arg-type]
    problem = small_problem(training=training, features=5, classes=7)
    members = members_of(problem, 3)
    spec = LossSpec(kind="adaptive", state=state)  # type: ignore[arg-type]
    theta = torch.zeros(3, 4 + 4 * len(state))
    ours = fused.rollout(problem, members, stacked_from_genomes(spec, theta, 7), [10, 20], KEEP)
    theirs = fused.rollout(problem, members, CrossEntropy(3), [10, 20], KEEP)
    assert same_bits(ours, theirs)
    assert ours.weights is not None
    assert theirs.weights is not None
    assert np.array_equal(ours.weights, theirs.weights)


@pytest.mark.parametrize(
    ("exponent", "value", "theirs"),
    [("q", 0.7, GeneralisedCrossEntropy), ("eps", 0.2, LabelSmoothing), ("gamma", 1.5, Focal)],
)
def test_one_exponent_alone_is_a_hand_made_loss(
    exponent: str, value: float, theirs: type[GeneralisedCrossEntropy]
) -> None:
    problem = drifting()
    theta = torch.zeros(2, 4)
    place = EXPONENTS.index(exponent)
    theta[:, place] = value / CONSTANT.ranges[place]
    ours = weights(problem, stacked_from_genomes(CONSTANT, theta, 4))
    expected = weights(problem, theirs(torch.full((2,), value)))
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)
    assert np.abs(ours - weights(problem, CrossEntropy(2))).max() > 1e-2


@pytest.mark.parametrize("feature", STATE_FEATURES)
@pytest.mark.parametrize("kind", ["adaptive", "gate", "network"])
def test_every_feature_is_the_references_through_a_drift(kind: str, feature: str) -> None:
    """A loss that follows one feature alone, steeply; labels change at step 24 of 40."""
    if kind == "adaptive":
        spec = LossSpec(kind="adaptive", state=(feature,))  # type: ignore[arg-type]
    else:
        head = "gate" if kind == "gate" else "identity"
        spec = LossSpec(head=head, state=(feature,), hidden=5)  # type: ignore[arg-type]
    genomes = some_genomes(spec, 2).astype(np.float32)
    if kind == "adaptive":
        genomes[:, :4] = [0.9, -0.6, 0.5, 0.8]
    problem = drifting()
    members = Members(np.array([0, 1]), np.full(2, 0.02))

    def losses(dtype: torch.dtype, theta: np.ndarray = genomes) -> StackedLoss:
        return stacked_from_genomes(spec, torch.from_numpy(theta).to(dtype), 4)

    points = [20, 40]
    ours = fused.rollout(problem, members, losses(torch.float32), points, KEEP)
    theirs = reference.rollout(problem, members, losses(torch.float64), points, EXACT)
    assert ours.weights is not None
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-5, atol=1e-5)
    nll = (result.scores["outer_valid"].nll for result in (ours, theirs))
    np.testing.assert_allclose(*nll, rtol=1e-5)
    blocks = layout(spec).split(torch.from_numpy(genomes.copy()))
    blocks["state"].zero_()
    if kind == "gate":
        blocks["gate"][..., :-1] = 0
    deaf = torch.cat([block.flatten(1) for block in blocks.values()], dim=1).numpy()
    without = fused.rollout(problem, members, losses(torch.float32, deaf), (), KEEP)
    assert without.weights is not None
    assert np.abs(without.weights - ours.weights).max() > 1e-4


def test_each_rollout_begins_with_a_new_state() -> None:
    problem = drifting(steps=15)
    spec = LossSpec(kind="adaptive")
    theta = torch.from_numpy(some_genomes(spec, 4)).float()
    losses = stacked_from_genomes(spec, theta, 4)
    together = weights(problem, losses)
    # The second of two that the same workspace trains, and alone.
    for member in (1, 3):
        alone = losses.take(torch.tensor([member]))
        one = replace(
            problem,
            **{
                "batch_index": problem.batch_index[1:],
                "batch_y": problem.batch_y[1:],
                "initial": problem.initial[1:],
            },
        )
        assert np.array_equal(weights(one, alone)[0], together[member])


def test_it_is_the_engines_choice() -> None:
    learner = LearnerSpec(hidden=(64,))
    for spec in (
        LossSpec(kind="adaptive"),
        LossSpec(kind="adaptive", state=()),
        LossSpec(head="gate", state=STATE_FEATURES),
        LossSpec(state=("progress",)),
    ):
        assert engine.choose(learner, spec, "cpu") == "fused"
    assert engine.choose(learner, LossSpec(head="residual", state=("drop",)), "cpu") == "analytic"
