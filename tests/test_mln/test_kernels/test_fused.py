"""The compiled kernel against autograd in float64, and against itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mln.helpers import (
    linear_task,
    members_of,
    same_bits,
    small_problem,
    some_genomes,
    some_losses,
)

from mln.config import STATE_FEATURES, LearnerSpec, LossSpec, TrainingSpec
from mln.kernels import fused, reference
from mln.kernels.native.interface import FUSED_KINDS, obstacle
from mln.losses.base import StackedLoss
from mln.losses.formulas import CrossEntropy, GeneralisedCrossEntropy
from mln.losses.meta import stacked_from_genomes
from mln.problem import Problem, make_problem
from mln.rollout import LOGITS, Members, RolloutOptions

KEEP = RolloutOptions(keep_weights=True)
EXACT = RolloutOptions(keep_weights=True, dtype=torch.float64)
STEPS = 6
TRAININGS = (
    TrainingSpec(STEPS, optimizer="sgd"),
    TrainingSpec(STEPS, optimizer="sgd", momentum=0.0, weight_decay=0.1, schedule="step"),
    TrainingSpec(STEPS, optimizer="sgd", nesterov=True, weight_decay=0.1, schedule="cosine"),
    TrainingSpec(STEPS, optimizer="adam", weight_decay=0.1),
    TrainingSpec(STEPS, optimizer="adamw", weight_decay=0.1, schedule="cosine"),
)
NETWORKS = (
    LossSpec(features="logp,p,y", hidden=32),
    LossSpec(features="logp,p,y", activation="silu", head="softplus", hidden=3),
    LossSpec(features="p,y", activation="relu", hidden=5),
    LossSpec(features="p,y", head="softplus", normalise=False),
)
FOLLOWING = (
    LossSpec(kind="adaptive", max_eps=0.0),
    LossSpec(kind="adaptive", max_gamma=0.0, max_tau=0.0, normalise=False),
    LossSpec(kind="adaptive", max_q=0.0, state=STATE_FEATURES),
    LossSpec(kind="adaptive", state=()),
    LossSpec(state=("progress", "drop", "class_entropy")),
    LossSpec(features="logp,p,y", activation="silu", head="softplus", state=STATE_FEATURES),
    LossSpec(features="logp,p,y", head="gate", hidden=5),
    LossSpec(activation="relu", head="gate", state=("accuracy", "calibration_gap"), hidden=3),
)
"""Losses that follow the state of training."""


def networks(spec: LossSpec, members: int, classes: int, dtype: torch.dtype) -> StackedLoss:
    genomes = torch.from_numpy(some_genomes(spec, members).astype(np.float32))
    return stacked_from_genomes(spec, genomes.to(dtype), classes)


def assert_agrees(problem: Problem, loss: str | LossSpec, count: int) -> None:
    """Rounding is what differs: 1e-5 of a score, and of SGD's weights. Where a gradient is all
    rounding, Adam still makes a step of the learning rate of it: its weights are not compared."""
    members = members_of(problem, count)

    def losses(dtype: torch.dtype) -> StackedLoss:
        if isinstance(loss, LossSpec):
            return networks(loss, count, problem.classes, dtype)
        return some_losses(loss, count, problem.classes, dtype)

    points = [STEPS // 2, STEPS]
    ours = fused.rollout(problem, members, losses(torch.float32), points, KEEP)
    theirs = reference.rollout(problem, members, losses(torch.float64), points, EXACT)
    sgd = problem.training.optimizer == "sgd"
    assert ours.weights is not None
    assert theirs.weights is not None
    if sgd:
        np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-5, atol=3e-6)
    for name in ours.scores:
        np.testing.assert_allclose(
            ours.scores[name].nll, theirs.scores[name].nll, rtol=1e-5 if sgd else 1e-3, atol=1e-5
        )
        # Two classes may be equal but for rounding, in an example at most.
        difference = np.abs(ours.scores[name].accuracy - theirs.scores[name].accuracy)
        assert difference.max() <= 1.01 / 30
    assert ours.reasons == theirs.reasons


@given(
    hidden=st.lists(st.sampled_from([1, 2, 3, 4, 5, 7, 16, 17, 33]), max_size=3),
    shape=st.tuples(st.sampled_from([1, 2, 3, 4, 5, 9, 16, 31, 40, 270]), st.integers(2, 19)),
    batch=st.sampled_from([1, 5, 16, 17, 40, 50, 64, 70]),
    training=st.sampled_from(TRAININGS),
    loss=st.sampled_from([*FUSED_KINDS, *NETWORKS, *FOLLOWING]),
    count=st.integers(1, 3),
)
@settings(max_examples=150)
def test_perceptrons_agree_with_autograd(
    hidden: list[int],
    shape: tuple[int, int],
    batch: int,
    training: TrainingSpec,
    loss: str | LossSpec,
    count: int,
) -> None:
    features, classes = shape
    problem = small_problem(
        learner=LearnerSpec(hidden=tuple(hidden)),
        training=replace(training, batch_size=batch),
        features=features,
        classes=classes,
    )
    assert_agrees(problem, loss, count)


def picture_problem(
    image: tuple[int, int, int], learner: LearnerSpec, training: TrainingSpec, classes: int = 3
) -> Problem:
    seeds = [np.random.SeedSequence([9, k]) for k in range(2)]
    features = int(np.prod(image))
    tasks = [replace(linear_task(seed, features, classes), image=image) for seed in seeds]
    return make_problem(tasks, seeds, learner, training, ("outer_valid",))


def cnn(
    channels: list[int], hidden: list[int], kernel: int, padding: int, per_block: int
) -> LearnerSpec:
    return LearnerSpec(
        hidden=tuple(hidden),
        kind="cnn",
        channels=tuple(channels),
        kernel=kernel,
        padding=min(padding, kernel - 1),
        per_block=per_block,
    )


@given(
    learner=st.builds(
        cnn,
        channels=st.lists(st.sampled_from([1, 3, 4, 6, 7]), min_size=1, max_size=2),
        hidden=st.lists(st.sampled_from([1, 5, 20]), max_size=1),
        kernel=st.integers(1, 6),
        padding=st.integers(0, 2),
        per_block=st.integers(1, 2),
    ),
    image=st.tuples(st.integers(1, 3), st.integers(8, 15), st.integers(8, 15)),
    batch=st.sampled_from([1, 7, 16, 19]),
    training=st.sampled_from(TRAININGS),
    loss=st.sampled_from(["ce", "mln", NETWORKS[0], "adaptive", "gate"]),
)
@settings(max_examples=40)
def test_convolutional_networks_agree_with_autograd(
    learner: LearnerSpec,
    image: tuple[int, int, int],
    batch: int,
    training: TrainingSpec,
    loss: str | LossSpec,
) -> None:
    try:
        problem = picture_problem(image, learner, replace(training, batch_size=batch))
    except ValueError:  # pictures too small for this learner
        return
    assert_agrees(problem, loss, 2)


@pytest.mark.parametrize("loss", [*FUSED_KINDS, NETWORKS[0], NETWORKS[3], *FOLLOWING[:-1]])
def test_certain_and_mistaken_learners_agree_with_autograd(loss: str | LossSpec) -> None:
    # Logits of some hundreds: probabilities at and below every floor, and exactly 1. (Under the
    # last loss, a gate of ReLU units, the rounding of such logits alone is enough to differ.)
    problem = small_problem(training=TrainingSpec(STEPS, 8, optimizer="sgd"), classes=4)
    problem = replace(problem, initial=problem.initial * 20)
    assert_agrees(problem, loss, 3)


@given(
    hidden=st.lists(st.integers(1, 40), max_size=2),
    loss=st.sampled_from([*FUSED_KINDS, *NETWORKS, *FOLLOWING]),
    count=st.integers(1, 7),
    chunk=st.integers(1, 7),
    batch=st.integers(1, 40),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_bits_depend_neither_on_chunks_nor_on_order_and_neighbours(
    hidden: list[int], loss: str | LossSpec, count: int, chunk: int, batch: int, seed: int
) -> None:
    problem = small_problem(
        learner=LearnerSpec(hidden=tuple(hidden)),
        training=TrainingSpec(steps=8, batch_size=batch),
    )
    members = members_of(problem, count)
    if isinstance(loss, LossSpec):
        losses = networks(loss, count, problem.classes, torch.float32)
    else:
        losses = some_losses(loss, count, problem.classes)
    whole = fused.rollout(problem, members, losses, [4, 8], KEEP)
    assert same_bits(
        whole, fused.rollout(problem, members, losses, [4, 8], RolloutOptions(chunk=chunk))
    )
    order = np.random.default_rng(seed).permutation(count)[: max(1, count - 1)]
    part = fused.rollout(
        problem,
        Members(members.slot[order], members.lr[order]),
        losses.take(torch.from_numpy(order)),
        [4, 8],
        KEEP._replace(chunk=chunk),
    )
    assert part.weights is not None
    assert whole.weights is not None
    assert np.array_equal(part.weights, whole.weights[order])
    for ours, theirs in zip(part.scores["outer_valid"], whole.scores["outer_valid"], strict=True):
        assert np.array_equal(ours, theirs[order])


LENET = LearnerSpec(kind="cnn", channels=(3, 4), kernel=3, hidden=(9,))
LEARNERS = pytest.mark.parametrize("learner", [LearnerSpec(hidden=(7, 5)), LENET])


def any_problem(learner: LearnerSpec, steps: int = 40) -> Problem:
    training = TrainingSpec(steps, batch_size=8, optimizer="sgd")
    return picture_problem((1, 10, 10), learner, training)


@LEARNERS
def test_a_diverged_member_stops_and_changes_no_other(learner: LearnerSpec) -> None:
    problem = any_problem(learner)
    calm = Members(np.array([0, 1, 1]), np.full(3, 0.01))
    wild = calm._replace(lr=np.array([0.01, 1e30, 0.01]))
    losses = some_losses("ce", 3, problem.classes)
    a, b = (
        fused.rollout(problem, who, losses, [1, 20, 40], RolloutOptions(chunk=3))
        for who in (calm, wild)
    )
    assert a.diverged_at.tolist() == [-1, -1, -1]
    expected = reference.rollout(problem, wild, losses, [1, 20, 40])
    assert b.diverged_at.tolist() == expected.diverged_at.tolist()
    assert b.reasons == ["", LOGITS, ""]
    for before, after in zip(a.scores["outer_valid"], b.scores["outer_valid"], strict=True):
        assert np.array_equal(before[[0, 2]], after[[0, 2]])
        assert np.isnan(after[1, 1:]).all()


@LEARNERS
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_bad_number_among_the_examples_is_seen_in_its_step(
    learner: LearnerSpec, value: float
) -> None:
    problem = any_problem(learner)
    pool = problem.pool.copy()
    pool[problem.batch_index[0, 17, 3], 55] = value
    step = 1 + np.nonzero((problem.batch_index[0] == problem.batch_index[0, 17, 3]).any(1))[0][0]
    members = Members(np.array([0, 1]), np.full(2, 0.01))
    result = fused.rollout(replace(problem, pool=pool), members, CrossEntropy(2), [40])
    assert result.diverged_at.tolist() == [step, -1]


@pytest.mark.parametrize("loss", ["gce", NETWORKS[0], NETWORKS[2], *FOLLOWING])
def test_a_bad_number_in_a_loss_is_seen_in_the_next_step(loss: str | LossSpec) -> None:
    problem = small_problem(training=TrainingSpec(5, 8, optimizer="sgd"))
    members = Members(np.array([0, 1]), np.full(2, 0.01))
    if isinstance(loss, LossSpec):
        genomes = some_genomes(loss, 2).astype(np.float32)
        genomes[0, 1] = np.nan
        losses: StackedLoss = stacked_from_genomes(loss, torch.from_numpy(genomes), 3)
    else:
        losses = GeneralisedCrossEntropy(torch.tensor([np.nan, 0.5], dtype=torch.float32))
    result = fused.rollout(problem, members, losses, [5])
    assert result.diverged_at.tolist() == [2, -1]


@pytest.mark.parametrize("side", [10, 17])
def test_a_table_of_bytes_is_the_table_of_its_numbers(side: int) -> None:
    training = TrainingSpec(40, batch_size=8, optimizer="sgd")
    problem = picture_problem((1, side, side), LearnerSpec(hidden=(8,)), training)
    rng = np.random.default_rng(0)
    table = rng.integers(0, 256, problem.pool.shape, dtype=np.uint8)
    scale = rng.uniform(0.005, 0.01, problem.features).astype(np.float32)
    shift = rng.uniform(-1, 1, problem.features).astype(np.float32)
    members = Members(np.array([0, 1]), np.full(2, 0.01))
    as_bytes = replace(problem, pool=table, scale=scale, shift=shift)
    as_numbers = replace(problem, pool=table.astype(np.float32) * scale + shift)
    a, b = (fused.rollout(p, members, CrossEntropy(2), [20, 40]) for p in (as_bytes, as_numbers))
    assert same_bits(a, b)


def test_rows_outside_the_pool_are_refused() -> None:
    problem = any_problem(LearnerSpec(hidden=(8,)))
    rows = problem.batch_index.copy()
    rows[1, 2, 3] = len(problem.pool)
    members = Members(np.array([0]), np.array([0.01]))
    with pytest.raises(IndexError, match="outside its pool"):
        fused.rollout(replace(problem, batch_index=rows), members, CrossEntropy(1), [4])


def test_what_the_kernel_lacks_has_a_reason() -> None:
    assert obstacle(LENET, "ce", "cpu") is None
    assert obstacle(LENET, LossSpec(), "cpu") is None
    for loss in (
        "hinge",
        LossSpec(depth=2),
        LossSpec(head="residual"),
        LossSpec(kind="taylor"),
        "adaptive",
    ):
        assert "loss" in str(obstacle(LENET, loss, "cpu"))
    assert "cuda" in str(obstacle(LENET, "ce", "cuda"))
    module = LearnerSpec(kind="module", module="a:b")
    assert "module" in str(obstacle(module, "ce", "cpu"))


@pytest.mark.parametrize("scale", [1.0, 4.0, 40.0])
@pytest.mark.parametrize("spec", [*NETWORKS[:2], LossSpec(hidden=16, features="logp,p,y")])
def test_tables_of_a_loss_agree_with_the_loss(spec: LossSpec, scale: float) -> None:
    # Long enough for tables to be made; steep networks, which no table follows, are among them.
    # The learning rate is small: steep losses make training chaotic, which enlarges all rounding.
    training = TrainingSpec(30, 64, optimizer="sgd")
    problem = small_problem(
        learner=LearnerSpec(hidden=(20,)), training=training, features=5, classes=10
    )
    problem = replace(problem, initial=problem.initial * 3)
    genomes = torch.from_numpy(some_genomes(spec, 4) * np.float32(scale))
    members = Members(np.array([0, 1, 2, 0]), np.full(4, 0.001))
    losses = stacked_from_genomes(spec, genomes.float(), 10)
    ours = fused.rollout(problem, members, losses, [30], KEEP)
    theirs = reference.rollout(
        problem,
        members,
        stacked_from_genomes(spec, genomes.float().double(), 10),
        [30],
        EXACT,
    )
    assert ours.weights is not None
    assert theirs.weights is not None
    assert np.abs(theirs.weights - problem.initial[members.slot]).max() > 0.04
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-5, atol=1e-5)
