"""The GPU's kernel on Triton's interpreter: against autograd in float64, and against itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_mln.helpers import (
    SPECS,
    linear_task,
    members_of,
    same_bits,
    small_problem,
    some_genomes,
    some_losses,
)

from mln.config import LearnerSpec, LossSpec, TrainingSpec
from mln.drift import label_cycle
from mln.kernels import engine, reference
from mln.kernels.gpu.interface import HAND_MADE, loss_obstacle, obstacle, unavailable
from mln.losses.base import StackedLoss
from mln.losses.formulas import CrossEntropy, GeneralisedCrossEntropy
from mln.losses.meta import stacked_from_genomes
from mln.problem import Problem, make_problem
from mln.rollout import LOGITS, Members, RolloutOptions

if unavailable() is not None:
    pytest.skip(str(unavailable()), allow_module_level=True)

from mln.kernels import triton

# The interpreter computes with numpy, which warns of what a learner that diverges does.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

STEPS = 4
KEEP = RolloutOptions(keep_weights=True)
EXACT = RolloutOptions(keep_weights=True, dtype=torch.float64)
TRAININGS = {
    "sgd": TrainingSpec(STEPS, 8, optimizer="sgd"),
    "decay": TrainingSpec(STEPS, 8, optimizer="sgd", momentum=0.0, weight_decay=0.1),
    "nesterov": TrainingSpec(
        STEPS, 8, optimizer="sgd", nesterov=True, weight_decay=0.1, schedule="cosine"
    ),
    "adam": TrainingSpec(STEPS, 8, weight_decay=0.1, schedule="step"),
    "adamw": TrainingSpec(STEPS, 8, optimizer="adamw", weight_decay=0.1, schedule="cosine"),
}
LEARNED = {
    **{name: SPECS[name] for name in SPECS if loss_obstacle(SPECS[name]) is None},
    "network": LossSpec(hidden=3),
    "relu": LossSpec(hidden=3, activation="relu", features="logp,p,y"),
    "silu": LossSpec(hidden=3, activation="silu", features="logp,p,y", head="softplus"),
    "softplus": LossSpec(hidden=3, head="softplus", normalise=False),
    "relu_softplus": LossSpec(hidden=3, activation="relu", head="softplus"),
    "follows": LossSpec(hidden=3, state=("accuracy", "drop", "classes")),
}


def losses_of(loss: str, members: int, classes: int, dtype: torch.dtype) -> StackedLoss:
    if loss in HAND_MADE:
        return some_losses(loss, members, classes, dtype)
    spec = LEARNED[loss]
    genomes = torch.from_numpy(some_genomes(spec, members).astype(np.float32)).to(dtype)
    return stacked_from_genomes(spec, genomes, classes)


def assert_agrees(problem: Problem, loss: str, members: Members) -> None:
    """Rounding is what differs. Where a gradient is all rounding, Adam still makes a step of the
    learning rate of it: its weights are not compared."""
    count, points = len(members.slot), [1, problem.training.steps]
    ours = triton.rollout(
        problem, members, losses_of(loss, count, problem.classes, torch.float32), points, KEEP
    )
    theirs = reference.rollout(
        problem, members, losses_of(loss, count, problem.classes, torch.float64), points, EXACT
    )
    sgd = problem.training.optimizer == "sgd"
    assert ours.weights is not None
    assert theirs.weights is not None
    if sgd:
        np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-5, atol=3e-6)
    for name in ours.scores:
        for mine, exact in zip(ours.scores[name], theirs.scores[name], strict=True):
            np.testing.assert_allclose(mine, exact, atol=1e-5 if sgd else 1e-3)
    assert ours.reasons == theirs.reasons


@pytest.mark.parametrize("rule", TRAININGS)
@pytest.mark.parametrize("loss", [*HAND_MADE, *LEARNED])
def test_learners_agree_with_autograd(loss: str, rule: str) -> None:
    # Each loss under each rule, on learners of one and two layers in turn.
    hidden = (7,) if rule in ("sgd", "adam") else ()
    problem = small_problem(2, LearnerSpec(hidden), TRAININGS[rule])
    assert_agrees(problem, loss, Members(np.array([1, 0]), np.array([0.01, 0.05])))


@pytest.mark.parametrize(
    ("hidden", "features", "classes", "batch"),
    [
        ((), 1, 2, 1),
        ((17,), 33, 10, 5),
        ((3, 40), 2, 17, 16),
        ((5, 4, 3), 9, 3, 17),
        ((64,), 20, 4, 33),
        ((2, 2), 70, 2, 8),
    ],
)
def test_padding_changes_nothing(
    hidden: tuple[int, ...], features: int, classes: int, batch: int
) -> None:
    training = TrainingSpec(2, batch, optimizer="sgd")
    problem = small_problem(2, LearnerSpec(hidden), training, features, classes)
    assert_agrees(problem, "adaptive", Members(np.array([0]), np.array([0.05])))


@pytest.mark.parametrize(
    "build", [triton.Build(unroll=4), triton.Build("tf32x3", 4, 8), triton.Build(registers=128)]
)
def test_every_build_trains_the_same(
    build: "triton.Build", monkeypatch: pytest.MonkeyPatch
) -> None:
    # On the interpreter all products are float32's: what differs there is how they are cut up.
    problem = small_problem(2, LearnerSpec((20,)), TRAININGS["sgd"], 33)
    monkeypatch.setattr(triton, "BUILD", build)
    assert_agrees(problem, "follows", Members(np.array([0]), np.array([0.05])))


def any_problem(steps: int = STEPS) -> Problem:
    training = TrainingSpec(steps, 6, optimizer="sgd")
    return small_problem(3, LearnerSpec((6,)), training)


def test_tasks_that_drift_agree_with_autograd() -> None:
    seeds = [np.random.SeedSequence([9, k]) for k in range(2)]
    tasks = [label_cycle(linear_task(s), 0.5, np.random.default_rng(1)) for s in seeds]
    training = TrainingSpec(6, 8, optimizer="sgd")
    problem = make_problem(tasks, seeds, LearnerSpec((6,)), training, ("outer_valid",))
    assert len(problem.evaluations["outer_valid"]) == 2
    assert_agrees(problem, "adaptive", Members(np.array([1, 0]), np.array([0.05, 0.01])))


@pytest.mark.parametrize("loss", ["network", "adaptive_nine", "gate", "focal"])
def test_bits_do_not_depend_on_neighbours_chunk_or_order(loss: str) -> None:
    problem, count = any_problem(), 5
    members = members_of(problem, count)
    losses = losses_of(loss, count, 3, torch.float32)
    points = [2, STEPS]
    whole = triton.rollout(problem, members, losses, points, KEEP)
    chunked = triton.rollout(problem, members, losses, points, KEEP._replace(chunk=2))
    assert same_bits(whole, chunked)
    order = np.array([3, 1])
    some = triton.rollout(
        problem,
        Members(members.slot[order], members.lr[order]),
        losses.take(torch.from_numpy(order)),
        points,
        KEEP,
    )
    assert whole.weights is not None
    assert some.weights is not None
    assert np.array_equal(some.weights, whole.weights[order])


def test_bits_do_not_depend_on_what_is_measured() -> None:
    problem, losses = any_problem(), losses_of("gate", 2, 3, torch.float32)
    members = members_of(problem, 2)
    often, once = (
        triton.rollout(problem, members, losses, points, KEEP).weights
        for points in ([1, 2, 3, 4], [])
    )
    assert np.array_equal(often, once)


def test_members_go_on_from_where_they_stood() -> None:
    problem = any_problem()
    first = triton.rollout(
        problem, Members(np.array([1]), np.array([0.05])), CrossEntropy(1), [], KEEP
    )
    assert first.weights is not None
    start = Members(np.array([1]), np.array([0.05]), first.weights)
    ours = triton.rollout(problem, start, CrossEntropy(1), [STEPS], KEEP)
    theirs = reference.rollout(problem, start, CrossEntropy(1), [STEPS], EXACT)
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-5, atol=3e-6)


def test_a_table_of_bytes_is_the_table_of_its_numbers() -> None:
    problem = any_problem()
    rng = np.random.default_rng(0)
    table = rng.integers(0, 256, problem.pool.shape, dtype=np.uint8)
    scale = rng.uniform(0.005, 0.01, problem.features).astype(np.float32)
    shift = rng.uniform(-1, 1, problem.features).astype(np.float32)
    members = Members(np.array([0, 1]), np.full(2, 0.01))
    as_bytes = replace(problem, pool=table, scale=scale, shift=shift)
    as_numbers = replace(problem, pool=table.astype(np.float32) * scale + shift)
    a, b = (triton.rollout(p, members, CrossEntropy(2), [STEPS]) for p in (as_bytes, as_numbers))
    assert same_bits(a, b)


@pytest.mark.parametrize("source", ["rate", "loss", "example"])
def test_divergence_is_found_at_its_step(source: str) -> None:
    problem = any_problem()
    members = Members(np.array([0, 1]), np.array([1e30 if source == "rate" else 0.01, 0.01]))
    losses: StackedLoss = CrossEntropy(2)
    if source == "loss":
        losses = GeneralisedCrossEntropy(torch.tensor([np.nan, 0.5], dtype=torch.float32))
    if source == "example":
        pool = problem.pool.copy()
        pool[problem.batch_index[0, 2, 1]] = np.nan
        problem = replace(problem, pool=pool)
    ours = triton.rollout(problem, members, losses, [1, STEPS], KEEP)
    theirs = reference.rollout(problem, members, losses, [1, STEPS], KEEP)
    assert ours.diverged_at.tolist() == theirs.diverged_at.tolist()
    assert ours.reasons[0] == LOGITS
    assert ours.reasons[1] == ""
    for name in ours.scores:
        assert np.isnan(ours.scores[name].accuracy[0, 1])


def test_wide_learners_are_left_to_analytic() -> None:
    wide = small_problem(2, LearnerSpec((4,)), TRAININGS["sgd"], features=200)
    assert not triton.fits(wide)
    members = members_of(wide, 2)
    ours, theirs = (
        kernel(wide, members, CrossEntropy(2), [STEPS], KEEP)
        for kernel in (triton.rollout, engine.get("analytic"))
    )
    assert same_bits(ours, theirs)
    large = LearnerSpec((128, 128, 128))
    assert not triton.fits(small_problem(1, large, TRAININGS["adam"], features=100))


def test_what_the_kernel_lacks_has_a_reason() -> None:
    mlp = LearnerSpec((32,))
    assert obstacle(mlp, "ce", "cuda") is None
    assert obstacle(mlp, LossSpec(kind="adaptive"), "cuda:1") is None
    for loss in ("hinge", LossSpec(depth=2), LossSpec(kind="taylor")):
        assert "loss" in str(obstacle(mlp, loss, "cuda"))
    assert "cpu" in str(obstacle(mlp, "ce", "cpu"))
    assert "129" not in str(obstacle(LearnerSpec((129,)), "ce", "cuda"))
    assert "128 units" in str(obstacle(LearnerSpec((129,)), "ce", "cuda"))
    assert "4 layers" in str(obstacle(LearnerSpec((2, 2, 2, 2)), "ce", "cuda"))
    cnn = LearnerSpec(kind="cnn", channels=(3,))
    assert "perceptrons" in str(obstacle(cnn, "ce", "cuda"))


def test_the_engine_prefers_it_on_cuda_alone() -> None:
    mlp = LearnerSpec((32,))
    assert engine.choose(mlp, LossSpec(), "cuda") == "triton"
    assert engine.choose(mlp, LossSpec(depth=2), "cuda") == "analytic"
    assert engine.choose(mlp, LossSpec(kind="adaptive"), "cpu") != "triton"
    with pytest.raises(ValueError, match="triton"):
        engine.choose(mlp, LossSpec(), "cpu", "triton")


def test_warps_are_the_fastest_measured_ones() -> None:
    # A slow choice is 8 times as slow on a card, and changes no result here.
    assert triton.warps_of(2128, 3, "adam") == triton.warps_of(2128, 3, "adamw") == 4
    assert triton.warps_of(2128, 3, "sgd") == 8
    assert triton.warps_of(5200, 2, "adam") == triton.warps_of(5200, 2, "sgd") == 8
    assert triton.warps_of(9296, 3, "adam") != 8


def test_other_precisions_are_refused() -> None:
    with pytest.raises(ValueError, match="float32"):
        triton.rollout(any_problem(), members_of(any_problem(), 1), CrossEntropy(1), [1], EXACT)
