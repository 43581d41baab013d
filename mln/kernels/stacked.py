"""What the kernels share: data on the device, stacked weights, optimisers and measurement."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mln.config import TrainingSpec
from mln.learners import Layer, layers
from mln.rollout import Members, Problem, RolloutResult, Scores

ADAM_BETAS = (0.9, 0.999)
ADAM_EPS = 1e-8


@dataclass
class Device:
    """A problem's arrays on its device."""

    pool: Tensor
    batch_index: Tensor
    batch_y: Tensor
    initial: Tensor
    evaluations: dict[str, tuple[Tensor, Tensor]]

    @classmethod
    def put(cls, problem: Problem, device: str, dtype: torch.dtype) -> "Device":
        """Copy a problem to `device`; floating-point arrays become `dtype`."""

        def move(array: np.ndarray) -> Tensor:
            tensor = torch.from_numpy(array)
            return tensor.to(device, dtype if tensor.is_floating_point() else None)

        return cls(
            pool=move(problem.pool),
            batch_index=move(problem.batch_index),
            batch_y=move(problem.batch_y),
            initial=move(problem.initial),
            evaluations={
                name: (move(split.rows), move(split.y))
                for name, split in problem.evaluations.items()
            },
        )


class Weights:
    """Flat weights of P learners: per layer one contiguous block, all in one buffer."""

    def __init__(self, flat: Tensor, plan: list[Layer], members: int) -> None:
        self.flat = flat
        self.weights: list[Tensor] = []
        self.biases: list[Tensor] = []
        at = 0
        for layer in plan:
            for target, shape in (
                (self.weights, (members, layer.outputs, layer.inputs)),
                (self.biases, (members, layer.outputs, 1)),
            ):
                size = shape[0] * shape[1] * shape[2]
                target.append(flat[at : at + size].view(shape))
                at += size

    @classmethod
    def from_rows(cls, rows: Tensor, plan: list[Layer]) -> "Weights":
        """From one row of weights per learner, [P, W]."""
        stacked = cls(torch.empty_like(rows).flatten(), plan, len(rows))
        for layer, weight, bias in zip(plan, stacked.weights, stacked.biases, strict=True):
            weight.copy_(rows[:, layer.weight].reshape(weight.shape))
            bias.copy_(rows[:, layer.bias].reshape(bias.shape))
        return stacked

    def empty(self, plan: list[Layer]) -> "Weights":
        """Room for the gradient of these weights."""
        return Weights(torch.zeros_like(self.flat), plan, len(self.weights[0]))


def per_weight(values: Tensor, stacked: Weights) -> Tensor:
    """One value per learner [P], repeated for each of its weights in the flat layout."""
    return torch.cat(
        [
            values.repeat_interleave(part[0].numel())
            for pair in zip(stacked.weights, stacked.biases, strict=True)
            for part in pair
        ]
    )


class Optimizer:
    """SGD with momentum or Adam on a flat buffer with a learning rate per weight."""

    def __init__(self, spec: TrainingSpec, flat: Tensor, lr: Tensor) -> None:
        self.spec, self.flat, self.lr = spec, flat, lr
        self.first = torch.zeros_like(flat)
        self.second = torch.zeros_like(flat) if spec.optimizer == "adam" else flat.new_empty(0)
        self.buffer = torch.empty_like(flat)
        self.step_count = 0

    def step(self, gradient: Tensor) -> None:
        """Update the weights in place."""
        self.step_count += 1
        if self.spec.optimizer == "sgd":
            self.first.mul_(self.spec.momentum).add_(gradient)
            self.flat.addcmul_(self.lr, self.first, value=-1)
            return
        beta1, beta2 = ADAM_BETAS
        self.first.lerp_(gradient, 1 - beta1)
        self.second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        correction1 = 1 - beta1**self.step_count
        correction2 = 1 - beta2**self.step_count
        torch.sqrt(self.second, out=self.buffer)
        self.buffer.div_(correction2**0.5).add_(ADAM_EPS)
        torch.div(self.first, self.buffer, out=self.buffer)
        self.flat.addcmul_(self.lr, self.buffer, value=-1 / correction1)


def forward(stacked: Weights, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits [P, C, B] and the inputs of each layer for x [P, D, B]."""
    inputs = [x]
    for weight, bias in zip(stacked.weights[:-1], stacked.biases[:-1], strict=True):
        inputs.append(torch.baddbmm(bias, weight, inputs[-1]).relu_())
    return torch.baddbmm(stacked.biases[-1], stacked.weights[-1], inputs[-1]), inputs


def batch(data: Device, slot: Tensor, step: int, classes: int) -> tuple[Tensor, Tensor]:
    """Minibatch of a step: x [P, D, B] (a view of [P, B, D]) and one-hot y [P, C, B]."""
    index = data.batch_index[:, step].index_select(0, slot)
    x = data.pool.index_select(0, index.flatten()).view(*index.shape, -1)
    labels = data.batch_y[:, step].index_select(0, slot)
    y = x.new_zeros(len(slot), classes, index.shape[1])
    y.scatter_(1, labels[:, None], 1.0)
    return x.transpose(1, 2), y


def measure(data: Device, stacked: Weights, slot: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Accuracy and mean negative log-likelihood [P] on a split."""
    index, labels = data.evaluations[name]
    index, labels = index.index_select(0, slot), labels.index_select(0, slot)
    x = data.pool.index_select(0, index.flatten()).view(*index.shape, -1)
    z, _ = forward(stacked, x.transpose(1, 2))
    real = labels >= 0
    count = real.sum(1)
    log_p = z.log_softmax(1).gather(1, labels.clamp_min(0)[:, None])[:, 0]
    hits = (z.argmax(1) == labels) & real
    nll = -(log_p * real).sum(1) / count
    accuracy = (hits.sum(1) / count).to(z.dtype)
    # argmax of NaN is a class like any other: such a learner has no accuracy.
    return torch.where(z.sum((1, 2)).isfinite(), accuracy, torch.nan), nll


def in_chunks(members: Members, size: int) -> Iterator[np.ndarray]:
    """Member numbers chunk by chunk, at least two in each.

    bmm of a single matrix may differ in its last bits from bmm of several, so a chunk of one is
    filled up with the same member again.
    """
    total = len(members.slot)
    for start in range(0, total, size):
        chosen = np.arange(start, min(start + size, total))
        yield np.repeat(chosen, 2) if len(chosen) == 1 else chosen


class Recorder:
    """Collects the curves of all members."""

    def __init__(self, problem: Problem, members: Members, points: Sequence[int]) -> None:
        self.points = np.asarray(sorted(set(points)), dtype=np.int64)
        shape = (len(members.slot), len(self.points))
        self.scores = {
            name: Scores(np.full(shape, np.nan), np.full(shape, np.nan))
            for name in problem.evaluations
        }
        self.diverged_at = np.full(len(members.slot), -1, dtype=np.int64)

    def curve(self, chosen: np.ndarray, step: int, name: str, found: tuple[Tensor, Tensor]) -> None:
        """Store a split's scores of the chosen members after `step` steps."""
        column = int(np.searchsorted(self.points, step))
        for target, values in zip(self.scores[name], found, strict=True):
            target[chosen, column] = values.double().cpu().numpy()

    def divergence(self, chosen: np.ndarray, logit_sums: Tensor) -> None:
        """Find the first step whose logits were not finite, from their sums [T, M]."""
        bad = ~torch.isfinite(logit_sums)
        first = torch.where(bad.any(0), bad.to(torch.int8).argmax(0) + 1, -1)
        self.diverged_at[chosen] = first.cpu().numpy()

    def result(self) -> RolloutResult:
        """All curves, with NaN where a member had diverged."""
        gone = (self.diverged_at >= 0)[:, None] & (self.points >= self.diverged_at[:, None])
        for scores in self.scores.values():
            for values in scores:
                values[gone] = np.nan
        return RolloutResult(self.points, self.scores, self.diverged_at)


def plan_of(problem: Problem) -> list[Layer]:
    """The layers of a problem's learners."""
    return layers(problem.learner, problem.features, problem.classes)
