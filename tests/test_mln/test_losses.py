"""Every stacked loss against autograd and against torch's own functions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from mln.config import LossSpec
from mln.genome import imitation, layout
from mln.losses.base import StackedLoss
from mln.losses.formulas import (
    CrossEntropy,
    GeneralisedCrossEntropy,
    LabelSmoothing,
    MeanSquaredError,
)
from mln.losses.meta import stacked_from_genomes
from mln.losses.probe import probe, rms

MEMBERS, BATCH = 3, 5
CLASSES = (2, 3, 10)
KINDS = ("ce", "mse", "gce", "label_smoothing", "mln")


def stacked(kind: str, classes: int, seed: int = 0) -> StackedLoss:
    rng = np.random.default_rng(seed)
    parameter = torch.from_numpy(rng.uniform(0.05, 0.95, MEMBERS))
    genomes = torch.from_numpy(rng.standard_normal((MEMBERS, layout(LossSpec()).size)))
    return {
        "ce": CrossEntropy(MEMBERS),
        "mse": MeanSquaredError(MEMBERS),
        "gce": GeneralisedCrossEntropy(parameter),
        "label_smoothing": LabelSmoothing(parameter),
        "mln": stacked_from_genomes(LossSpec(), genomes, classes),
    }[kind]


def example(classes: int, seed: int, spread: float = 3.0) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    z = torch.from_numpy(rng.standard_normal((MEMBERS, classes, BATCH)) * spread)
    labels = torch.from_numpy(rng.integers(classes, size=(MEMBERS, BATCH)))
    return z, functional.one_hot(labels, classes).transpose(1, 2).double()


@given(
    kind=st.sampled_from(KINDS),
    classes=st.sampled_from(CLASSES),
    seed=st.integers(0, 2**16),
    spread=st.floats(0.1, 30),
)
@settings(max_examples=150, deadline=None)
def test_gradient_is_the_derivative_of_the_value(
    kind: str, classes: int, seed: int, spread: float
) -> None:
    loss = stacked(kind, classes, seed)
    z, y = example(classes, seed, spread)
    z.requires_grad_()
    loss.value(z, y).sum().backward()
    assert z.grad is not None
    ours = loss.gradient(z.detach().softmax(1), y)
    torch.testing.assert_close(ours, z.grad, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("classes", CLASSES)
def test_values_agree_with_torch(classes: int) -> None:
    z, y = example(classes, 1)
    flat, labels = z.transpose(1, 2).flatten(0, 1), y.argmax(1).flatten()

    def ours(loss: StackedLoss) -> Tensor:
        return loss.value(z, y).flatten()

    expected = functional.cross_entropy(flat, labels, reduction="none")
    torch.testing.assert_close(ours(CrossEntropy(MEMBERS)), expected)
    eps = torch.full((MEMBERS,), 0.3, dtype=torch.float64)
    expected = functional.cross_entropy(flat, labels, reduction="none", label_smoothing=0.3)
    torch.testing.assert_close(ours(LabelSmoothing(eps)), expected)
    one_hot = functional.one_hot(labels, classes).double()
    expected = functional.mse_loss(flat.softmax(1), one_hot, reduction="none").mean(1)
    torch.testing.assert_close(ours(MeanSquaredError(MEMBERS)), expected)


def test_gce_follows_its_paper_and_ends_in_ce_and_mae() -> None:
    z, y = example(4, 2)
    p_target = (z.softmax(1) * y).sum(1)
    q = torch.full((MEMBERS,), 0.7, dtype=torch.float64)
    torch.testing.assert_close(GeneralisedCrossEntropy(q).value(z, y), (1 - p_target**0.7) / 0.7)
    almost_ce = GeneralisedCrossEntropy(torch.full((MEMBERS,), 1e-7, dtype=torch.float64))
    torch.testing.assert_close(almost_ce.value(z, y), -p_target.log(), rtol=1e-5, atol=1e-5)
    mae = GeneralisedCrossEntropy(torch.ones(MEMBERS, dtype=torch.float64))
    torch.testing.assert_close(mae.value(z, y), 1 - p_target)


@pytest.mark.parametrize("classes", CLASSES)
def test_imitation_points_where_cross_entropy_points(classes: int) -> None:
    z, y = example(classes, 3, spread=1.0)
    theta = torch.tensor(imitation(LossSpec())).double().expand(MEMBERS, -1)
    ours = stacked_from_genomes(LossSpec(), theta, classes).gradient(z.softmax(1), y)
    cosine = functional.cosine_similarity(ours.flatten(), (z.softmax(1) - y).flatten(), dim=0)
    assert cosine > 0.97


@pytest.mark.parametrize("classes", CLASSES)
def test_every_network_has_the_gradient_scale_of_ce_on_the_probe(classes: int) -> None:
    z, y = probe(classes)
    gradient = stacked("mln", classes).gradient(
        z.softmax(0).expand(MEMBERS, -1, -1), y.expand(MEMBERS, -1, -1)
    )
    torch.testing.assert_close(rms(gradient), rms(z.softmax(0) - y).expand(MEMBERS))


def test_gradient_is_finite_for_extreme_logits() -> None:
    z, y = example(10, 4, spread=1e4)
    for kind in KINDS:
        loss = stacked(kind, 10)
        assert torch.isfinite(loss.gradient(z.softmax(1), y)).all(), kind
        assert torch.isfinite(loss.value(z, y)).all(), kind


def test_taking_members_takes_their_parameters() -> None:
    z, y = example(3, 5)
    order = torch.tensor([2, 0])
    for kind in KINDS:
        loss = stacked(kind, 3)
        taken = loss.take(order).gradient(z[order].softmax(1), y[order])
        torch.testing.assert_close(taken, loss.gradient(z.softmax(1), y)[order])
        assert len(loss.take(order)) == 2
