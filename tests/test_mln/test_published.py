"""Published networks: their parameters, their shapes, and where they cannot be."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.random import SeedSequence
from torch import Tensor

from bench.catalogue.learners import LEARNERS
from bench.catalogue.trainings import TRAININGS
from measurements.plain_torch import accuracy, plain_loop, start
from mln.config import LearnerSpec, TrainingSpec
from mln.kernels import reference
from mln.kernels.draws import OwnDropout
from mln.learners import build_module
from mln.losses.formulas import CrossEntropy
from mln.problem import Problem, make_problem
from mln.rollout import Members, RolloutOptions
from mln.task import Split, Task

CIFAR = 3072, 10, (3, 32, 32)


def named(name: str) -> LearnerSpec:
    return LEARNERS.get(name).resolved()


def resnet_parameters(blocks: int) -> int:
    """Of He et al.'s network for CIFAR-10, counted from its description."""
    widths = [3, 16] + [width for width in (16, 32, 64) for _ in range(2 * blocks)]
    convolutions = sum(9 * a * b for a, b in pairwise(widths))
    norms = sum(2 * width for width in widths[1:])
    return convolutions + norms + 64 * 10 + 10


@pytest.mark.parametrize(
    ("name", "parameters", "published"),
    [
        ("resnet8", resnet_parameters(1), None),
        ("resnet20", resnet_parameters(3), 0.27e6),  # table 6
        ("all_cnn_c", 1_369_738, 1.4e6),  # table 3
        ("wide_mlp", 3072 * 1024 + 1024**2 + 4 * 1024 + 10_250, None),
    ],
)
def test_a_network_has_as_many_parameters_as_published(
    name: str, parameters: int, published: float | None
) -> None:
    module = build_module(named(name), *CIFAR)
    counted = sum(part.numel() for part in module.parameters())
    assert counted == parameters
    assert published is None or counted == pytest.approx(published, rel=0.03)


@pytest.mark.parametrize("name", ["resnet8", "resnet20", "all_cnn_c"])
def test_a_network_for_pictures_takes_any_that_are_large_enough(name: str) -> None:
    spec = named(name)
    grey = build_module(spec, 28 * 28, 7, (1, 28, 28))
    assert grey(torch.zeros(2, 28 * 28)).shape == (2, 7)
    with pytest.raises(ValueError, match="needs pictures: this task has none"):
        build_module(spec, 64, 10)
    with pytest.raises(ValueError, match="needs pictures of at least"):
        build_module(spec, 9, 10, (1, 3, 3))


def test_a_shortcut_takes_every_second_pixel_and_zeros() -> None:
    """The block whose convolutions are 0 passes its input on: option A."""
    resnet = build_module(named("resnet8"), *CIFAR)
    block = resnet.blocks[1]  # type: ignore[index, union-attr]
    for part in (block.first, block.second):  # type: ignore[union-attr]
        torch.nn.init.zeros_(part.weight)  # type: ignore[union-attr, arg-type]
    x = torch.rand(2, 16, 8, 8)
    h = block(x)  # type: ignore[operator]
    torch.testing.assert_close(h[:, 8:24], x[:, :, ::2, ::2])
    assert not h[:, :8].any()
    assert not h[:, 24:].any()


def test_all_cnn_c_drops_its_input_and_two_layers() -> None:
    module = build_module(named("all_cnn_c"), *CIFAR)
    with OwnDropout(torch.tensor(1)) as drawn, torch.no_grad():
        module(torch.zeros(1, 3072))
    assert drawn.place == 3


@dataclass(frozen=True)
class Watched(CrossEntropy):
    """Cross-entropy that notes its mean over each minibatch of training."""

    seen: list[float]

    def take(self, members: Tensor) -> "Watched":
        return Watched(len(members), self.seen)

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        value = super().value(z, y)
        self.seen.append(value.mean().item())
        return value


def small_pictures(spec: LearnerSpec, training: TrainingSpec) -> Problem:
    """Two slots of random pictures of 8 x 8 pixels in three colours."""
    seeds = [SeedSequence([8, k]) for k in range(2)]

    def task(seed: SeedSequence) -> Task:
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((90, 192)).astype(np.float32)
        split = Split(x, (x[:, :64].sum(1) > 0).astype(np.int64) + (x[:, 64:128].sum(1) > 0))
        return Task("pictures", 192, 3, split, split, split, split, image=(3, 8, 8))

    return make_problem([task(seed) for seed in seeds], seeds, spec, training, ("test",))


@pytest.mark.parametrize("name", ["resnet20", "wide_mlp"])
def test_the_first_20_steps_have_the_losses_of_a_plain_torch_loop(name: str) -> None:
    """ResNet-20 by He et al.'s recipe: crop, flip, weight decay, rates that fall."""
    training = replace(TRAININGS.get("he2016").spec, steps=20, batch_size=12)
    problem = small_pictures(named(name), training)
    watched = Watched(1, [])
    double = RolloutOptions(dtype=torch.float64)  # a rounding of float32 grows tenfold in a step
    members = Members(np.array([1]), np.array([0.1]))
    result = reference.rollout(problem, members, watched, [20], double)
    module = start(problem, 1, dtype=torch.float64)
    theirs = [loss.item() for loss in plain_loop(problem, module, 1, 0.1)]
    np.testing.assert_allclose(watched.seen, theirs, rtol=1e-8)
    ours = result.scores["test"].accuracy[0, -1]
    assert ours == pytest.approx(accuracy(problem, module, 1), abs=1e-6)
