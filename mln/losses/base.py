"""What a rollout asks of a loss: its value and its gradient, for many learners at once."""

from typing import Protocol, Self

import torch
from torch import Tensor


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


def through_softmax(u: Tensor, p: Tensor) -> Tensor:
    """Turn u = p * dl/dp into dl/dz without dividing by p: dz = u - p * sum(u)."""
    return u.addcmul(p, u.sum(1, keepdim=True), value=-1)


def per_member(values: Tensor) -> Tensor:
    """A parameter [P] shaped to broadcast over classes and examples [P, 1, 1]."""
    return values.reshape(-1, 1, 1)


def probability_floor(dtype: torch.dtype) -> float:
    """The smallest probability that a logarithm is taken of."""
    return float(torch.finfo(dtype).tiny)
