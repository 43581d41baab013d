"""What the kernels share: data on the device, stacked weights, optimisers and measurement."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from mln.config import TrainingSpec
from mln.learners import Layer, layers
from mln.rollout import Members, Problem, RolloutResult, Scores

ADAM_BETAS = (0.9, 0.999)
ADAM_EPS = 1e-8

ALIGN = 8
"""Matrices of a batched product lie a multiple of ALIGN numbers apart. A BLAS may round a matrix
that begins at another alignment differently (seen with MKL on AMD processors, at distances that
are no multiple of 16 bytes): a member's bits would depend on its place in the chunk."""


def aligned(size: int) -> int:
    """`size` rounded up to a multiple of ALIGN."""
    return -(-size // ALIGN) * ALIGN


@dataclass
class Device:
    """A problem's arrays on its device, padded so that every stacked matrix is aligned.

    Padding changes nothing: added hidden units and features have zero weights, whose gradient is
    zero; added examples of a minibatch have `example_weight` 0; added rows of an evaluation
    have label -1.
    """

    plan: list["PaddedLayer"]
    pool: Tensor
    batch_index: Tensor
    batch_y: Tensor
    example_weight: Tensor
    initial: Tensor
    evaluations: dict[str, tuple[Tensor, Tensor]]
    drifted: dict[str, tuple[Tensor, Tensor]]
    drift_step: int

    @classmethod
    def put(cls, problem: Problem, device: str, dtype: torch.dtype) -> "Device":
        """Copy a problem to `device`; floating-point arrays become `dtype`."""

        def move(array: np.ndarray) -> Tensor:
            tensor = torch.from_numpy(array)
            return tensor.to(device, dtype if tensor.is_floating_point() else None)

        plan = padded_layers(problem)
        batch_size = problem.training.batch_size
        extra = aligned(batch_size) - batch_size
        weight = torch.full((batch_size,), 1 / batch_size, device=device, dtype=dtype)
        evaluations = {
            name: (_columns(move(split.rows), 0), _columns(move(split.y), -1))
            for name, split in problem.evaluations.items()
        }
        drifted = evaluations
        if problem.drift is not None:
            labels = move(problem.drift.labels)
            drifted = {
                name: (rows, torch.where(y < 0, y, labels.gather(1, y.clamp_min(0))))
                for name, (rows, y) in evaluations.items()
            }
        return cls(
            plan=plan,
            pool=pad(move(problem.pool), (0, plan[0].inputs - problem.features)),
            batch_index=pad(move(problem.batch_index), (0, extra)),
            batch_y=pad(move(problem.batch_y), (0, extra)),
            example_weight=pad(weight, (0, extra)),
            initial=move(problem.initial),
            evaluations=evaluations,
            drifted=drifted,
            drift_step=problem.drift.step if problem.drift else problem.training.steps,
        )

    def split(self, name: str, step: int) -> tuple[Tensor, Tensor]:
        """Rows and labels of a split as they stand after `step` steps."""
        return (self.drifted if step > self.drift_step else self.evaluations)[name]

    def start(self, members: Members, chosen: np.ndarray) -> Tensor:
        """Weights [M, W] that the chosen members are trained on from."""
        if members.start is None:
            return self.initial[torch.from_numpy(members.slot[chosen]).to(self.initial.device)]
        return torch.from_numpy(members.start[chosen]).to(self.initial)


def _columns(values: Tensor, filler: int) -> Tensor:
    """Values [K, E] with columns added up to an aligned number."""
    return pad(values, (0, aligned(values.shape[1]) - values.shape[1]), value=filler)


class PaddedLayer(NamedTuple):
    """A layer's padded widths, and the true layer within it."""

    inputs: int
    outputs: int
    true: Layer


def padded_layers(problem: Problem) -> list[PaddedLayer]:
    """Layers whose weight matrices have an aligned size: hidden widths are rounded up.

    A learner without hidden layers gets its features rounded up instead.
    """
    true = layers(problem.learner, problem.features, problem.classes)
    hidden = [aligned(layer.outputs) for layer in true[:-1]]
    first = problem.features if hidden else aligned(problem.features)
    widths = [first, *hidden, problem.classes]
    return [
        PaddedLayer(inputs, outputs, layer)
        for (inputs, outputs), layer in zip(pairwise(widths), true, strict=True)
    ]


class Weights:
    """Flat weights of P learners: per layer one contiguous block, all in one buffer."""

    def __init__(self, flat: Tensor, plan: list[PaddedLayer], members: int) -> None:
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
                # Blocks begin aligned too; the biases' block may end in between.
                target.append(flat[at : at + size].view(shape))
                at += aligned(size)

    @staticmethod
    def size(plan: list[PaddedLayer], members: int) -> int:
        """Length of the flat buffer."""
        return sum(
            aligned(members * layer.outputs * layer.inputs) + aligned(members * layer.outputs)
            for layer in plan
        )

    @classmethod
    def from_rows(cls, rows: Tensor, plan: list[PaddedLayer]) -> "Weights":
        """From one row of true weights per learner, [P, W]."""
        stacked = cls(rows.new_zeros(cls.size(plan, len(rows))), plan, len(rows))
        for layer, weight, bias in zip(plan, stacked.weights, stacked.biases, strict=True):
            true = layer.true
            shape = (len(rows), true.outputs, true.inputs)
            weight[:, : true.outputs, : true.inputs] = rows[:, true.weight].view(shape)
            bias[:, : true.outputs, 0] = rows[:, true.bias]
        return stacked

    def to_rows(self, plan: list[PaddedLayer]) -> Tensor:
        """One row of true weights per learner, [P, W]: the inverse of `from_rows`."""
        parts = []
        for layer, weight, bias in zip(plan, self.weights, self.biases, strict=True):
            parts.append(weight[:, : layer.true.outputs, : layer.true.inputs].flatten(1))
            parts.append(bias[:, : layer.true.outputs, 0])
        return torch.cat(parts, 1)

    def zeros(self, plan: list[PaddedLayer]) -> "Weights":
        """Room for one number per weight."""
        return Weights(torch.zeros_like(self.flat), plan, len(self.weights[0]))


def per_weight(values: Tensor, stacked: Weights, plan: list[PaddedLayer]) -> Tensor:
    """One value per learner [P], repeated for each of its weights in the flat layout."""
    wide = stacked.zeros(plan)
    for part in (*wide.weights, *wide.biases):
        part.copy_(values.view(-1, 1, 1).expand_as(part))
    return wide.flat


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


def measure(
    data: Device, stacked: Weights, slot: Tensor, name: str, step: int = 0
) -> tuple[Tensor, Tensor]:
    """Accuracy and mean negative log-likelihood [P] on a split after `step` steps."""
    index, labels = data.split(name, step)
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

    def __init__(
        self, problem: Problem, members: Members, points: Sequence[int], keep_weights: bool = False
    ) -> None:
        self.points = np.asarray(sorted(set(points)), dtype=np.int64)
        shape = (len(members.slot), len(self.points))
        self.scores = {
            name: Scores(np.full(shape, np.nan), np.full(shape, np.nan))
            for name in problem.evaluations
        }
        self.diverged_at = np.full(len(members.slot), -1, dtype=np.int64)
        self.final: np.ndarray | None = None
        if keep_weights:
            self.final = np.empty((len(members.slot), problem.initial.shape[1]), dtype=np.float32)

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

    def weights(self, chosen: np.ndarray, stacked: Weights, plan: list[PaddedLayer]) -> None:
        """Keep the chosen members' weights, if they were asked for."""
        if self.final is not None:
            self.final[chosen] = stacked.to_rows(plan).float().cpu().numpy()

    def result(self) -> RolloutResult:
        """All curves, with NaN where a member had diverged."""
        gone = (self.diverged_at >= 0)[:, None] & (self.points >= self.diverged_at[:, None])
        for scores in self.scores.values():
            for values in scores:
                values[gone] = np.nan
        return RolloutResult(self.points, self.scores, self.diverged_at, self.final)


@contextmanager
def one_thread() -> Iterator[None]:
    """Several threads split a product by its size: a member's bits would depend on its chunk."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def score(problem: Problem, members: Members, name: str, *, device: str = "cpu") -> Scores:
    """Accuracy and nll, [P, 1], of members as they start: nothing is trained."""
    data = Device.put(problem, device, torch.float32)
    recorder = Recorder(problem, members, [0])
    with torch.no_grad():
        for chosen in in_chunks(members, 64):
            slot = torch.from_numpy(members.slot[chosen]).to(device)
            stacked = Weights.from_rows(data.start(members, chosen), data.plan)
            recorder.curve(chosen, 0, name, measure(data, stacked, slot, name, 0))
    return recorder.scores[name]
