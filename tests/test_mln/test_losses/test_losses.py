"""Every stacked loss against autograd and against torch's own functions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mln.helpers import HAND_MADE, LOSS_KINDS, PLAIN, SPECS, some_genomes, some_losses
from torch import Tensor
from torch.nn import functional

from mln.config import STATE_FEATURES, LossSpec
from mln.genome import imitation
from mln.layout import EXPONENTS, layout
from mln.losses import base
from mln.losses.base import StackedLoss, state_of
from mln.losses.formulas import CrossEntropy, GeneralisedCrossEntropy
from mln.losses.imbalance import LogitAdjusted
from mln.losses.meta import stacked_from_genomes
from mln.losses.probe import probe, rms

MEMBERS, BATCH = 3, 5
CLASSES = (2, 3, 10)
KINDS = LOSS_KINDS


def logit_gradient(loss: StackedLoss, z: Tensor, y: Tensor) -> Tensor:
    return base.logit_gradient(loss, z, z.softmax(1), y)


def stacked(
    kind: str, classes: int, seed: int = 0, dtype: torch.dtype = torch.float64
) -> StackedLoss:
    rng = np.random.default_rng(seed)
    parameter = torch.from_numpy(rng.uniform(0.05, 0.95, MEMBERS)).to(dtype)
    if kind in HAND_MADE and kind not in PLAIN:
        return HAND_MADE[kind].built_in(MEMBERS, parameter, counts(classes, seed))
    return some_losses(kind, MEMBERS, classes, dtype, seed)


def counts(classes: int, seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 50, (MEMBERS, classes)))


def one(kind: str, parameter: float, classes: int = 0) -> StackedLoss:
    """A loss with the same parameter for every learner."""
    parameters = torch.full((MEMBERS,), parameter, dtype=torch.float64)
    return HAND_MADE[kind].built_in(MEMBERS, parameters, counts(classes, 1))


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
    assert_gradient(loss, z, y)


@st.composite
def specs(draw: st.DrawFn) -> LossSpec:
    scope = draw(st.sampled_from(("per_class", "vector")))
    return LossSpec(
        hidden=draw(st.integers(1, 9)),
        depth=draw(st.integers(1, 3)),
        activation=draw(st.sampled_from(("tanh", "relu", "silu"))),
        features=draw(st.sampled_from(("p,y", "logp,p,y", "logit,y"))),
        head=draw(st.sampled_from(("identity", "softplus", "residual", "gate"))),
        scope=scope,
        classes=draw(st.integers(2, 6)) if scope == "vector" else None,
        state=tuple(draw(st.lists(st.sampled_from(STATE_FEATURES), unique=True, max_size=9))),
        normalise=draw(st.booleans()),
    )


@given(spec=specs(), seed=st.integers(0, 2**16), spread=st.floats(0.1, 30))
@settings(max_examples=150, deadline=None)
def test_gradient_of_every_specification(spec: LossSpec, seed: int, spread: float) -> None:
    classes = spec.classes or 4
    genomes = torch.from_numpy(some_genomes(spec, MEMBERS, seed))
    loss = stacked_from_genomes(spec, genomes, classes)
    z, y = example(classes, seed, spread)
    state = state_of(loss)
    if state is not None:
        state.reset()
        even = torch.full((BATCH,), 1 / BATCH, dtype=torch.float64)
        state.observe(z.softmax(1), y, even, 3, 10)
    assert_gradient(loss, z, y)


def assert_gradient(loss: StackedLoss, z: Tensor, y: Tensor) -> None:
    z.requires_grad_()
    loss.value(z, y).sum().backward()
    assert z.grad is not None
    ours = logit_gradient(loss, z.detach(), y)
    size = float(z.grad.abs().max().clamp_min(1))
    torch.testing.assert_close(ours, z.grad, rtol=1e-7, atol=1e-10 * size)


ADAPTIVE = LossSpec(kind="adaptive", state=(), normalise=False)


def adaptive(classes: int, **exponents: float) -> StackedLoss:
    """An adaptive loss without state whose exponents have these values."""
    ranges = dict(zip(EXPONENTS, ADAPTIVE.ranges, strict=True))
    genome = [exponents.get(name, 0.0) / ranges[name] for name in EXPONENTS]
    theta = torch.tensor(genome, dtype=torch.float64).expand(MEMBERS, -1)
    return stacked_from_genomes(ADAPTIVE, theta, classes)


@pytest.mark.parametrize("classes", CLASSES)
def test_hand_made_losses_are_special_points_of_the_adaptive_loss(classes: int) -> None:
    z, y = example(classes, 6)
    p = z.softmax(1)
    log_prior = torch.rand(MEMBERS, classes, 1, dtype=torch.float64).log()
    parameter = torch.full((MEMBERS,), 1.5, dtype=torch.float64)
    for exponents, theirs in (
        ({}, CrossEntropy(MEMBERS)),
        ({"q": 0.7}, one("gce", 0.7)),
        ({"q": 1e-9}, CrossEntropy(MEMBERS)),
        ({"eps": 0.3}, one("label_smoothing", 0.3)),
        ({"gamma": 2.0}, one("focal", 2.0)),
        ({"tau": 1.5}, LogitAdjusted(parameter, log_prior[..., 0])),
    ):
        ours = adaptive(classes, **exponents)
        assert ours.state is not None  # type: ignore[attr-defined]
        ours.state.log_prior = log_prior  # type: ignore[attr-defined]
        torch.testing.assert_close(ours.value(z, y), theirs.value(z, y))
        torch.testing.assert_close(ours.gradient(p, y), theirs.gradient(p, y))


def test_an_adaptive_loss_has_the_scale_of_ce_and_the_shape_of_its_exponents() -> None:
    z, y = example(3, 7)
    theta = torch.tensor([[0.7, 0.0, 0.0, 0.0]], dtype=torch.float64).expand(MEMBERS, -1)
    spec = LossSpec(kind="adaptive", state=())
    scaled = stacked_from_genomes(spec, theta, 3).gradient(z.softmax(1), y)
    gce = adaptive(3, q=0.7).gradient(z.softmax(1), y)
    torch.testing.assert_close(scaled / rms(scaled).mean(), gce / rms(gce).mean())
    assert float(rms(scaled).mean() / rms(gce).mean()) > 1.1


def test_taylor_follows_its_paper() -> None:
    """Gonzalez and Miikkulainen 2021, with target x and prediction y, without the terms in x."""
    z, y = example(4, 8)
    theta = torch.from_numpy(np.random.default_rng(0).standard_normal((MEMBERS, 8)))
    t = [column[:, None, None] for column in theta.unbind(1)]
    x, p = y - t[0], z.softmax(1) - t[1]
    f = t[2] * p + t[3] * p**2 / 2 + t[4] * p**3 / 6
    f = f + t[5] * x * p + t[6] * x * p**2 / 2 + t[7] * x**2 * p / 2
    ours = stacked_from_genomes(LossSpec(kind="taylor"), theta, 4, normalise=False)
    torch.testing.assert_close(ours.value(z, y), -f.mean(1))


def values(loss: StackedLoss, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of examples in torch's order: our values [N], the logits [N, C] and the labels [N]."""
    z, y = example(classes, 1)
    return loss.value(z, y).flatten(), z.transpose(1, 2).flatten(0, 1), y.argmax(1).flatten()


@pytest.mark.parametrize("classes", CLASSES)
def test_values_agree_with_torch(classes: int) -> None:
    ours, z, label = values(some_losses("ce", MEMBERS, 3), classes)
    torch.testing.assert_close(ours, functional.cross_entropy(z, label, reduction="none"))
    ours, z, label = values(one("label_smoothing", 0.3), classes)
    expected = functional.cross_entropy(z, label, reduction="none", label_smoothing=0.3)
    torch.testing.assert_close(ours, expected)
    y = functional.one_hot(label, classes).double()
    ours, *_ = values(some_losses("mse", MEMBERS, 3), classes)
    torch.testing.assert_close(ours, functional.mse_loss(z.softmax(1), y, reduction="none").mean(1))
    ours, *_ = values(some_losses("mse_logits", MEMBERS, 3), classes)
    torch.testing.assert_close(ours, functional.mse_loss(z, y, reduction="none").mean(1))
    ours, *_ = values(some_losses("mae", MEMBERS, 3), classes)
    torch.testing.assert_close(ours, functional.l1_loss(z.softmax(1), y, reduction="none").sum(1))
    ours, *_ = values(some_losses("hinge", MEMBERS, 3), classes)
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
    expected = some_losses("ce", MEMBERS, 3).gradient(z.softmax(1), y)
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
    ours = stacked_from_genomes(LossSpec(), theta, classes).gradient(z.softmax(1), y)
    cosine = functional.cosine_similarity(ours.flatten(), (z.softmax(1) - y).flatten(), dim=0)
    assert cosine > 0.97


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("kind", ["mln", *SPECS])
def test_every_learned_loss_has_the_gradient_scale_of_ce_on_the_probe(
    kind: str, classes: int
) -> None:
    z, y = probe(classes)
    gradient = stacked(kind, classes).gradient(
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


@pytest.mark.parametrize("activation", ["tanh", "silu"])
def test_a_saturated_softplus_keeps_its_digits(activation) -> None:
    """Where the output is far below 0, the scale makes what is left of it large again."""
    spec = LossSpec(head="softplus", activation=activation, features="logp,p,y")
    rng = np.random.default_rng(0)
    genomes = torch.from_numpy(2.5 * rng.standard_normal((200, layout(spec).size)))
    p = torch.from_numpy(3 * rng.standard_normal((200, 5, 64))).softmax(1)
    y = functional.one_hot(torch.from_numpy(rng.integers(5, size=(200, 64))), 5).transpose(1, 2)
    exact = stacked_from_genomes(spec, genomes, 5).gradient(p, y.double())
    ours = stacked_from_genomes(spec, genomes.float(), 5).gradient(p.float(), y.float())
    error = (ours - exact).abs().amax((1, 2)) / exact.abs().amax((1, 2))
    assert error.max() < 1e-3
