"""Augmentation: what was drawn is what a learner sees, the same for all losses of a pair."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.random import SeedSequence
from test_mln.helpers import LOSS_KINDS, SPECS, some_losses
from torch.nn.functional import cross_entropy

from mln.config import AugmentationSpec, LearnerSpec, TrainingSpec
from mln.kernels import analytic, engine, reference
from mln.kernels.data import DeviceData, augmenting_seconds
from mln.losses.base import logit_gradient
from mln.losses.soft import OfTwoClasses, on_probabilities
from mln.problem import Problem, make_problem
from mln.rollout import Members, RolloutOptions
from mln.task import Split, Task

IMAGE = (2, 6, 5)
ALL = AugmentationSpec(crop=2, flip=True, cutout=3, mixup=0.4)
MOVES = replace(ALL, mixup=0.0)
DOUBLE = RolloutOptions(keep_weights=True, dtype=torch.float64)


def problem_of(
    augmentation: AugmentationSpec,
    slots: int = 2,
    image: tuple[int, int, int] | None = IMAGE,
    learner: LearnerSpec | None = None,
    steps: int = 8,
) -> Problem:
    """Slots of random pictures, in minibatches of 9."""
    seeds = [SeedSequence([3, k]) for k in range(slots)]
    features = int(np.prod(IMAGE))

    def split(rng: np.random.Generator, count: int) -> Split:
        x = rng.standard_normal((count, features)).astype(np.float32)
        return Split(x, np.arange(count) % 3)

    tasks = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        tasks.append(
            Task("p", features, 3, split(rng, 40), split(rng, 9), split(rng, 21), image=image)
        )
    training = TrainingSpec(steps, 9, augmentation=augmentation)
    return make_problem(tasks, seeds, learner or LearnerSpec((7,)), training, ("outer_valid",))


def expected(problem: Problem, slot: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Examples [B, D] and targets [B, C] of a minibatch, one example after another."""
    spec, drawn = problem.training.augmentation, problem.augmentation
    channels, height, width = IMAGE
    batch = []
    for place, row in enumerate(problem.batch_index[slot, step]):
        picture = problem.pool[row].reshape(IMAGE).copy()
        if drawn.shift is not None:
            top, left = drawn.shift[slot, step, place]
            padded = np.pad(picture, ((0, 0), (spec.crop,) * 2, (spec.crop,) * 2))
            picture = padded[:, top : top + height, left : left + width]
        if drawn.flip is not None and drawn.flip[slot, step, place]:
            picture = picture[:, :, ::-1]
        if drawn.hole is not None:
            row_, column = (
                int(middle) - spec.cutout // 2 for middle in drawn.hole[slot, step, place]
            )
            picture = picture.copy()
            picture[:, max(row_, 0) : row_ + spec.cutout, max(column, 0) : column + spec.cutout] = 0
        assert picture.shape == (channels, height, width)
        batch.append(picture.ravel())
    x, y = np.stack(batch), np.eye(3, dtype=np.float32)[problem.batch_y[slot, step]]
    if drawn.share is not None and drawn.partner is not None:
        share, partner = drawn.share[slot, step], drawn.partner[slot, step]
        x, y = (share * part + (1 - share) * part[partner] for part in (x, y))
    return x, y


@pytest.mark.parametrize(
    "spec",
    [
        ALL,
        MOVES,
        AugmentationSpec(crop=4),
        AugmentationSpec(flip=True),
        AugmentationSpec(cutout=4),
        AugmentationSpec(mixup=1.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("on_device", [False, True])
def test_a_learner_sees_what_was_drawn(spec: AugmentationSpec, on_device: bool) -> None:
    problem = problem_of(spec)
    data = DeviceData.put(problem, "cpu", torch.float32, features=64)  # padded, as some kernels do
    slots = data.slots(np.array([1, 0]))
    for step in (0, 7):
        x, y = data.batch(slots, torch.tensor([step]) if on_device else step)
        assert x.shape == (2, 64, 16)
        assert not x[:, 60:].any()
        for member, slot in enumerate((1, 0)):
            theirs = expected(problem, slot, step)
            np.testing.assert_allclose(x[member, :60, :9].T, theirs[0], rtol=0, atol=1e-6)
            np.testing.assert_allclose(y[member, :, :9].T, theirs[1], rtol=0, atol=1e-6)


def test_the_draws_are_what_the_papers_say() -> None:
    drawn = problem_of(ALL, steps=400).augmentation
    assert drawn.shift is not None
    assert drawn.flip is not None
    assert drawn.hole is not None
    assert drawn.share is not None
    assert drawn.partner is not None
    assert [set(drawn.shift[..., axis].ravel()) for axis in (0, 1)] == [set(range(5))] * 2
    assert drawn.flip.mean() == pytest.approx(0.5, abs=0.03)
    assert [set(drawn.hole[..., axis].ravel()) for axis in (0, 1)] == [set(range(6)), set(range(5))]
    assert drawn.share.mean() == pytest.approx(0.5, abs=0.05)
    assert drawn.share.std() == pytest.approx(np.sqrt(0.25 / 1.8), abs=0.03)  # of Beta(.4, .4)
    np.testing.assert_array_equal(
        np.sort(drawn.partner, -1), np.broadcast_to(np.arange(9), (2, 400, 9))
    )


def test_a_slots_draws_are_its_own_and_no_kind_changes_another() -> None:
    one, two, moves = (
        problem_of(*given).augmentation for given in ((ALL, 1), (ALL, 2), (MOVES, 1))
    )
    for alone, first, moved in zip(one, two, moves, strict=True):
        assert alone is not None
        assert first is not None
        np.testing.assert_array_equal(alone[0], first[0])
        assert not np.array_equal(first[0], first[1])
        assert moved is None or np.array_equal(moved, alone)
    plain, changed = problem_of(AugmentationSpec()), problem_of(ALL)
    np.testing.assert_array_equal(plain.batch_index, changed.batch_index)
    np.testing.assert_array_equal(plain.initial, changed.initial)


def test_what_is_measured_is_not_augmented() -> None:
    members = Members(np.array([0, 1]), np.zeros(2))
    plain, changed = (
        reference.score(problem_of(spec), members, "outer_valid")
        for spec in (AugmentationSpec(), ALL)
    )
    np.testing.assert_array_equal(plain, changed)


@pytest.mark.parametrize("kind", LOSS_KINDS)
def test_every_loss_takes_mixed_targets_in_both_kernels_alike(kind: str) -> None:
    problem = problem_of(ALL)
    members = Members(np.array([0, 1, 0]), np.full(3, 0.003))
    losses = some_losses(kind, 3, 3, torch.float64)
    ours, theirs = (
        kernel.rollout(problem, members, losses, [4, 8], DOUBLE) for kernel in (analytic, reference)
    )
    assert ours.weights is not None
    assert theirs.weights is not None
    assert not np.array_equal(ours.weights[0], problem.initial[0])
    np.testing.assert_allclose(ours.weights, theirs.weights, rtol=1e-3, atol=1e-5)


def two_classes(examples: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits [1, C, B] that are log-probabilities, and one-hot targets of two classes."""
    generator = torch.Generator().manual_seed(2)
    z = torch.randn(1, 4, examples, dtype=torch.float64, generator=generator)
    labels = torch.randint(4, (2, examples), generator=generator)
    first, second = torch.nn.functional.one_hot(labels, 4).double().transpose(1, 2)[:, None]
    return z.log_softmax(1), first, second


@pytest.mark.parametrize("kind", [kind for kind in LOSS_KINDS if kind not in (*SPECS, "mln")])
def test_a_loss_of_the_class_is_averaged_as_mixups_authors_do(kind: str) -> None:
    z, first, second = two_classes()
    loss = some_losses(kind, 1, 4, torch.float64)
    soft = on_probabilities(loss)
    assert isinstance(soft, OfTwoClasses)
    mixed = 0.3 * first + 0.7 * second
    value = 0.3 * loss.value(z, first) + 0.7 * loss.value(z, second)
    torch.testing.assert_close(soft.value(z, mixed), value)
    z.requires_grad_()
    (gradient,) = torch.autograd.grad(soft.value(z, mixed).sum(), z)
    z = z.detach()
    torch.testing.assert_close(
        logit_gradient(soft, z, z.softmax(1), mixed), gradient, rtol=1e-6, atol=1e-9
    )
    torch.testing.assert_close(soft.gradient(z.softmax(1), mixed), gradient, rtol=1e-6, atol=1e-9)


def test_cross_entropy_on_mixed_targets_is_torchs() -> None:
    z, first, second = two_classes()
    mixed = 0.2 * first + 0.8 * second
    ours = on_probabilities(some_losses("ce", 1, 4)).value(z, mixed)
    torch.testing.assert_close(ours, cross_entropy(z, mixed, reduction="none"))


def test_a_learned_loss_takes_probabilities_as_they_are() -> None:
    loss = some_losses("adaptive", 1, 3)
    assert on_probabilities(loss) is loss


def test_compiled_kernels_leave_augmentation_to_others() -> None:
    mlp = LearnerSpec((7,))
    assert engine.choose(mlp, "ce", "cpu", augmented=True) == "analytic"
    with pytest.raises(engine.CannotTrain, match="without augmentation"):
        engine.choose(mlp, "ce", "cpu", "fused", augmented=True)


def test_augmentation_takes_time_where_there_is_any() -> None:
    assert augmenting_seconds(problem_of(ALL), "cpu") > 0
    assert augmenting_seconds(problem_of(AugmentationSpec()), "cpu") == 0


@pytest.mark.parametrize(
    ("spec", "image", "reason"),
    [
        (MOVES, None, "is for pictures"),
        (AugmentationSpec(crop=5), IMAGE, "smaller than the pictures' 5 pixels"),
        (AugmentationSpec(cutout=6), IMAGE, "smaller than the pictures' 5 pixels"),
    ],
)
def test_what_cannot_be_done_to_the_examples_is_refused(
    spec: AugmentationSpec, image: tuple[int, int, int] | None, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        problem_of(spec, image=image)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"crop": -1}, "crop must be a whole number"),
        ({"cutout": 1.5}, "cutout must be a whole number"),
        ({"flip": 1}, "flip must be true or false"),
        ({"mixup": float("nan")}, "mixup must not be negative"),
    ],
)
def test_a_wrong_value_names_its_key(keys: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AugmentationSpec(**keys)  # type: ignore[arg-type]
