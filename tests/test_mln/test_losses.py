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
from mln.losses.base import StackedLoss, logit_gradient
from mln.losses.catalogue import CLASS_COUNTS, ONE_PARAMETER, PLAIN
from mln.losses.formulas import GeneralisedCrossEntropy
from mln.losses.meta import StackedMetaLoss, probe, rms

MEMBERS, BATCH = 3, 5
CLASSES = (2, 3, 10)
KINDS = (*PLAIN, *ONE_PARAMETER, *CLASS_COUNTS, "mln")


def stacked(
    kind: str, classes: int, seed: int = 0, dtype: torch.dtype = torch.float64
) -> StackedLoss:
    rng = np.random.default_rng(seed)
    parameter = torch.from_numpy(rng.uniform(0.05, 0.95, MEMBERS)).to(dtype)
    if kind in PLAIN:
        return PLAIN[kind](MEMBERS)
    if kind in ONE_PARAMETER:
        return ONE_PARAMETER[kind](parameter)
    if kind in CLASS_COUNTS:
        return CLASS_COUNTS[kind](parameter, counts(classes, seed))
    genomes = torch.from_numpy(rng.standard_normal((MEMBERS, layout(LossSpec()).size)))
    return StackedMetaLoss(LossSpec(), genomes.to(dtype), classes)


def counts(classes: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 50, (MEMBERS, classes)))


def one(kind: str, parameter: float, classes: int = 0) -> StackedLoss:
    """A loss with the same parameter for every learner."""
    parameters = torch.full((MEMBERS,), parameter, dtype=torch.float64)
    if kind in CLASS_COUNTS:
        return CLASS_COUNTS[kind](parameters, counts(classes, 1))
    return ONE_PARAMETER[kind](parameters)


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
    ours = logit_gradient(loss, z.detach(), y)
    torch.testing.assert_close(ours, z.grad, rtol=1e-7, atol=1e-10)


def values(loss: StackedLoss, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of examples in torch's order: our values [N], the logits [N, C] and the labels [N]."""
    z, y = example(classes, 1)
    return loss.value(z, y).flatten(), z.transpose(1, 2).flatten(0, 1), y.argmax(1).flatten()


@pytest.mark.parametrize("classes", CLASSES)
def test_values_agree_with_torch(classes: int) -> None:
    ours, z, label = values(PLAIN["ce"](MEMBERS), classes)
    torch.testing.assert_close(ours, functional.cross_entropy(z, label, reduction="none"))
    ours, z, label = values(one("label_smoothing", 0.3), classes)
    expected = functional.cross_entropy(z, label, reduction="none", label_smoothing=0.3)
    torch.testing.assert_close(ours, expected)
    y = functional.one_hot(label, classes).double()
    ours, *_ = values(PLAIN["mse"](MEMBERS), classes)
    torch.testing.assert_close(ours, functional.mse_loss(z.softmax(1), y, reduction="none").mean(1))
    ours, *_ = values(PLAIN["mse_logits"](MEMBERS), classes)
    torch.testing.assert_close(ours, functional.mse_loss(z, y, reduction="none").mean(1))
    ours, *_ = values(PLAIN["mae"](MEMBERS), classes)
    torch.testing.assert_close(ours, functional.l1_loss(z.softmax(1), y, reduction="none").sum(1))
    ours, *_ = values(PLAIN["hinge"](MEMBERS), classes)
    torch.testing.assert_close(ours, functional.multi_margin_loss(z, label, reduction="none"))


@pytest.mark.parametrize("classes", CLASSES)
def test_values_agree_with_the_formulas_of_the_papers(classes: int) -> None:
    ours, z, label = values(one("focal", 2.0), classes)
    p = z.softmax(1)
    p_t = p.gather(1, label[:, None])[:, 0]
    torch.testing.assert_close(ours, -((1 - p_t) ** 2) * p_t.log())
    ours, *_ = values(one("poly1", -0.5), classes)
    torch.testing.assert_close(ours, -p_t.log() - 0.5 * (1 - p_t))
    ours, *_ = values(one("sce", 0.3), classes)
    log_y = torch.where(functional.one_hot(label, classes) > 0, 0.0, -4.0)
    torch.testing.assert_close(ours, -0.3 * p_t.log() - (p * log_y).sum(1))


@pytest.mark.parametrize("classes", CLASSES)
def test_losses_that_count_classes_agree_with_their_papers(classes: int) -> None:
    n = counts(classes, 1).double().clamp_min(1)
    ours, z, label = values(one("logit_adjusted", 1.5, classes), classes)
    prior = (n / n.sum(1, keepdim=True)).repeat_interleave(BATCH, 0)
    expected = functional.cross_entropy(z + 1.5 * prior.log(), label, reduction="none")
    torch.testing.assert_close(ours, expected)
    ours, *_ = values(one("class_balanced", 0.9, classes), classes)
    weight = (1 - 0.9) / (1 - 0.9**n)
    weight = (weight * classes / weight.sum(1, keepdim=True)).repeat_interleave(BATCH, 0)
    expected = functional.cross_entropy(z, label, reduction="none")
    torch.testing.assert_close(ours, expected * weight.gather(1, label[:, None])[:, 0])


def test_parameters_at_zero_give_cross_entropy() -> None:
    z, y = example(4, 2)
    expected = PLAIN["ce"](MEMBERS).gradient(z.softmax(1), y)
    kinds = ("focal", "poly1", "label_smoothing", "logit_adjusted", "class_balanced")
    for kind in kinds:
        torch.testing.assert_close(one(kind, 0.0, 4).gradient(z.softmax(1), y), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_do_not_depend_on_a_members_place(kind: str) -> None:
    loss = stacked(kind, 3, dtype=torch.float32)
    z, y = (t.float() for t in example(3, 7))
    together = logit_gradient(loss, z, y)
    for member in range(MEMBERS):
        alone = torch.tensor([member])
        part = logit_gradient(loss.take(alone), z[alone], y[alone])
        if kind != "mln":  # its products are aligned by the kernels
            assert torch.equal(part[0], together[member])


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
    ours = StackedMetaLoss(LossSpec(), theta, classes).gradient(z.softmax(1), y)
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
        for dtype in (torch.float64, torch.float32):
            loss, logits, target = stacked(kind, 10, dtype=dtype), z.to(dtype), y.to(dtype)
            assert torch.isfinite(logit_gradient(loss, logits, target)).all(), kind
            assert torch.isfinite(loss.gradient(logits.softmax(1), target)).all(), kind
            assert torch.isfinite(loss.value(logits, target)).all(), kind


def test_taking_members_takes_their_parameters() -> None:
    z, y = example(3, 5)
    order = torch.tensor([2, 0])
    for kind in KINDS:
        loss = stacked(kind, 3)
        taken = logit_gradient(loss.take(order), z[order], y[order])
        torch.testing.assert_close(taken, logit_gradient(loss, z, y)[order])
        assert len(loss.take(order)) == 2
