"""What a rollout needs of a loss: its value and its gradient, for many learners at once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from mln.losses.arrays import Array
from mln.losses.state import TrainingState

CERTAIN = 1e4
"""Logit of the right class, over 0 of the others: in float32 its probability is 1."""


class StackedLoss(Protocol):
    """P losses of one kind, one per learner, each with its own parameters.

    Logits z, probabilities p = softmax(z) and one-hot targets y are [P, C, B]: class in the
    middle, so that sums over classes vectorise over the batch.
    """

    kind: str

    def __len__(self) -> int:
        """P, the number of losses."""
        ...

    def take(self, members: Tensor) -> Self:
        """The losses of some members; `members` is int64 [M]."""
        ...

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example [P, B], differentiable by autograd."""
        ...

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits [P, C, B]."""
        ...


class OnLogits(StackedLoss, Protocol):
    """A loss whose derivative needs the logits, because the probabilities do not determine it.

    Its `gradient(p, y)` is the derivative at the logits log p.
    """

    def logit_gradient(self, z: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits z [P, C, B]."""
        ...


def logit_gradient(loss: StackedLoss | OnLogits, z: Tensor, p: Tensor, y: Tensor) -> Tensor:
    """Derivative of any loss with respect to the logits z, [P, C, B]; p = softmax(z)."""
    # Not isinstance with a runtime protocol: that takes 14 us, in every training step.
    on_logits: Callable[[Tensor, Tensor], Tensor] | None = getattr(loss, "logit_gradient", None)
    return loss.gradient(p, y) if on_logits is None else on_logits(z, y)


@dataclass(frozen=True)
class Plain:
    """A loss without a parameter, for `members` learners."""

    members: int

    def __len__(self) -> int:
        return self.members

    def take(self, members: Tensor) -> Self:
        """The losses of some members."""
        return replace(self, members=len(members))


@dataclass(frozen=True)
class OneParameter:
    """A loss with one parameter per learner, [P]."""

    parameter: Tensor

    def __len__(self) -> int:
        return len(self.parameter)

    def take(self, members: Tensor) -> Self:
        """The losses of some members."""
        return replace(self, parameter=self.parameter[members])


def log_target(z: Tensor, y: Tensor) -> Tensor:
    """log p_t, the log-probability of the true class [P, B], from logits.

    A class of logit -inf, whose log-probability is -inf, counts for nothing where it is not true.
    """
    return torch.where(y == 0, 0, y * log_softmax(z, 1)).sum(1)


def target(p: Tensor, y: Tensor) -> Tensor:
    """p_t, the probability of the true class [P, 1, B]."""
    return (p * y).sum(1, keepdim=True)


class Step(NamedTuple):
    """One loss at a batch of B examples, in arrays of the kind that the logits came in.

    value: parts that add up to the loss of each example, [1, K, B]; gradient: the derivative with
    respect to the logits, [1, C, B]; zero: the value at the right answer, given with certainty, a
    number or [1, 1, B].
    """

    value: Array
    gradient: Array
    zero: Any


class Scratch:
    """Room for a large intermediate result, kept from one step to the next.

    A buffer of megabytes that is freed and allocated again goes back to the operating system in
    between: clearing its pages took more than half of a step. Whoever takes some members' losses
    gets room of their own.
    """

    def __init__(self) -> None:
        self.buffer: Tensor | None = None

    def like(self, example: Tensor, *shape: int) -> Tensor:
        """The buffer of this shape, of the example's kind; its content is arbitrary."""
        if self.buffer is None or self.buffer.shape != shape or self.buffer.dtype != example.dtype:
            self.buffer = example.new_empty(shape)
        return self.buffer


class Learned:
    """What the losses made of genomes share: every tensor they hold is [P, ...].

    A state is that of the learners in training: whoever trains them resets it, and lets it
    observe each batch before the gradient is computed. None where the loss has no use for it.
    """

    state: TrainingState | None = None

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        raise NotImplementedError

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        raise NotImplementedError

    def step(self, z: Array, p: Array, y: Array) -> Step:
        """What a training step of one loss needs, in few operations: z, p = softmax(z) and y are
        [1, C, B], tensors or arrays of NumPy."""
        raise NotImplementedError

    def take(self, members: Tensor) -> Self:
        """The losses of some members, without computing their scale again."""
        taken = object.__new__(type(self))
        for name, value in vars(self).items():
            setattr(taken, name, _taken(value, members))
        return taken


def _taken(value: Any, members: Tensor) -> Any:
    if isinstance(value, Scratch):
        return Scratch()
    if isinstance(value, Tensor):
        return value[members]
    if isinstance(value, TrainingState | Learned):
        return value.take(members)
    if isinstance(value, list):
        return [_taken(part, members) for part in value]
    return value


def state_of(loss: StackedLoss) -> TrainingState | None:
    """The state that a rollout must keep for a loss, or None."""
    state: TrainingState | None = getattr(loss, "state", None)
    return state


def array_through_softmax(u: Array, p: Array) -> Array:
    """`through_softmax` of tensors or of arrays of NumPy."""
    return through_softmax(u, p) if isinstance(u, Tensor) else u - p * u.sum(1, keepdims=True)


def through_softmax(u: Tensor, p: Tensor) -> Tensor:
    """Turn u = p * dl/dp into dl/dz without dividing by p: dz = u - p * sum(u)."""
    return u.addcmul(p, u.sum(1, keepdim=True), value=-1)


def per_member(values: Tensor) -> Tensor:
    """A parameter [P] shaped to broadcast over classes and examples [P, 1, 1]."""
    return values.reshape(-1, 1, 1)


def probability_floor(dtype: torch.dtype) -> float:
    """The smallest probability that a logarithm is taken of."""
    return float(torch.finfo(dtype).tiny)
