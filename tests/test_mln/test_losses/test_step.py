"""What a training step of `MetaLoss` computes at once, against the formulas it comes from."""

import numpy as np
import pytest
import torch
from test_mln.test_criterion import random_loss
from test_mln.test_criterion_promises import HARD
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mln import LossSpec, MetaLoss
from mln.config import STATE_FEATURES
from mln.losses import arrays, by_hand
from mln.losses.certainty import has_own_zero, value_at_certainty
from mln.losses.host_state import observed_alone, read_alone
from mln.losses.meta import stacked_from_genomes
from mln.losses.network import NetworkLoss
from mln.losses.state import TrainingState, initial_memory, observed

CLASSES, EXAMPLES = 3, 40


def a_batch(dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits and soft targets, [1, C, B] each."""
    torch.manual_seed(seed)
    z, soft = 3 * torch.randn(2, 1, CLASSES, EXAMPLES, dtype=torch.float64)
    return z.to(dtype), soft.softmax(1).to(dtype)


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_step_is_value_and_gradient(name: str, dtype: torch.dtype) -> None:
    """For tensors and for arrays, in a state that is not the first."""
    genome = random_loss(HARD[name]).genome[None].to(dtype)
    loss = stacked_from_genomes(HARD[name], genome, CLASSES)
    z, y = a_batch(dtype)
    p = z.softmax(1)
    if loss.state is not None:
        for step in range(3):
            loss.state.observe(p, y, torch.full_like(z[0, 0], 1 / EXAMPLES), step, 10)
    zero = torch.zeros((), dtype=dtype)
    if not has_own_zero(HARD[name]):
        zero = value_at_certainty(HARD[name], loss, CLASSES, z)
        zero = (y[0] * zero).sum(0) if zero.dim() else zero
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    for made in (loss.step(z, p, y), loss.step(z.numpy(), p.numpy(), y.numpy())):
        assert isinstance(made.value, np.ndarray) == isinstance(made.gradient, np.ndarray)
        value, gradient = arrays.tensor(made.value).sum(1), arrays.tensor(made.gradient)
        ours = torch.as_tensor(made.zero, dtype=dtype)
        torch.testing.assert_close(value, loss.value(z, y), **close)
        torch.testing.assert_close(gradient, loss.gradient(p, y), **close)
        torch.testing.assert_close(ours.flatten(), zero.flatten(), **close)


@pytest.mark.parametrize("name", HARD)
def test_a_batch_of_any_size_is_the_same_loss(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones are computed by NumPy, large ones by torch."""
    small, large = random_loss(HARD[name]), random_loss(HARD[name])
    for step in range(4):
        torch.manual_seed(step)
        z, target = torch.randn(EXAMPLES, CLASSES), torch.randint(CLASSES, (EXAMPLES,))
        target[0] = -100 if step % 2 else 0
        results = []
        for loss, limit in ((small, arrays.SMALL), (large, 0)):
            monkeypatch.setattr(by_hand, "SMALL", limit)
            at = z.clone().requires_grad_()
            value = loss(at, target)
            results.append((value.detach(), *torch.autograd.grad(value, at)))
        torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(small.memory, large.memory, rtol=1e-5, atol=1e-6)
    assert int(small.steps_done) == int(large.steps_done) == (4 if small.memory.numel() else 0)


def test_the_state_of_one_learner_is_that_of_many() -> None:
    alone, many = (TrainingState(STATE_FEATURES, 1, CLASSES, torch.zeros(1, 0)) for _ in range(2))
    memory = initial_memory(CLASSES, alone.like)
    for step in (0, 1, 50, 99, 5000):
        z, y = a_batch(torch.float32, step)
        counts = (torch.arange(EXAMPLES) % 3 > 0).float() if step % 2 else None
        weight = torch.ones(EXAMPLES) if counts is None else counts
        p = z.softmax(1)
        expected = observed(memory, p, y, weight / weight.sum(), step)
        memory = observed_alone(memory, p.numpy(), y.numpy(), counts, step)
        torch.testing.assert_close(memory, expected)
        read_alone(alone, memory, step / 6000)
        many.read(memory, step / 6000)
        torch.testing.assert_close(alone.features, many.features)
        torch.testing.assert_close(alone.log_prior, many.log_prior)
        assert alone.features.shape == (1, 16)


def test_an_overflow_or_an_empty_batch_leaves_the_memory() -> None:
    memory = initial_memory(CLASSES, torch.zeros(1, 0))
    z, y = a_batch(torch.float32)
    p, broken = z.softmax(1).numpy(), z.softmax(1).numpy().copy()
    broken[0, 1, 3] = np.nan
    assert observed_alone(memory, broken, y.numpy(), None, 0) is memory
    assert observed_alone(memory, p, y.numpy(), torch.zeros(EXAMPLES), 0) is memory


def test_a_saturated_network_keeps_its_digits() -> None:
    """Its slopes are tiny, and its scale makes them large again."""
    spec = LossSpec(hidden=2)
    sure = torch.tensor([[3.0, -2.0, 2.0, 1.0, 9.0, -9.0, 1.0, 0.5, 0.0]])
    network = NetworkLoss(spec, sure, CLASSES)
    exact = NetworkLoss(spec, sure.double(), CLASSES)
    z, y = a_batch(torch.float64)
    made = network.step(z.float(), z.float().softmax(1), y.float())
    assert network.quick == ()
    expected = exact.gradient(z.softmax(1), y)
    torch.testing.assert_close(made.gradient.double(), expected, rtol=1e-3, atol=1e-4)
    ordinary = random_loss(LossSpec())._made_for(CLASSES, torch.float32)[0]
    ordinary.step(z.float(), z.float().softmax(1), y.float())
    assert ordinary.quick  # type: ignore[union-attr]


class Counted(TorchDispatchMode):
    """Counts the operations of torch."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.number += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("name", "most"),
    [("default", 25), ("residual", 45), ("taylor", 20), ("adaptive", 35), ("gate", 55)],
)
def test_a_step_takes_few_operations(name: str, most: int) -> None:
    """Each costs some microseconds, whatever it does; CrossEntropyLoss takes eight."""
    loss = MetaLoss(LossSpec(head="gate", state=("accuracy",))) if name == "gate" else None
    loss = loss or random_loss(HARD[name])
    z, target = torch.randn(512, 10, requires_grad=True), torch.randint(10, (512,))
    loss(z, target).backward()
    with Counted() as counted:
        loss(z, target).backward()
    assert counted.number <= most


@pytest.mark.parametrize("label", [3, -1, 1000])
def test_a_label_of_no_class_is_refused(label: int) -> None:
    target = torch.tensor([0, 1, label])
    with pytest.raises((IndexError, RuntimeError), match="out of bounds"):
        MetaLoss()(torch.randn(3, 3, requires_grad=True), target)


def test_soft_targets_may_be_learned() -> None:
    target = torch.randn(4, 3).softmax(1).requires_grad_()
    (gradient,) = torch.autograd.grad(MetaLoss()(torch.randn(4, 3), target), target)
    assert gradient.abs().sum() > 0
