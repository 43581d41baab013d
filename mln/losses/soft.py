"""Losses on targets that are probabilities, as mixup makes them."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from mln.losses.base import Learned, StackedLoss, logit_gradient


@dataclass
class OfTwoClasses:
    """A loss of the true class, on targets with at most two: its mean under their probabilities.

    That is how mixup's authors train (Zhang et al. 2018): share * loss(z, own) + (1 - share) *
    loss(z, partner's).
    """

    loss: StackedLoss
    kind: str

    def __len__(self) -> int:
        return len(self.loss)

    def take(self, members: Tensor) -> Self:
        """The losses of some members."""
        return replace(self, loss=self.loss.take(members))

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        weights, (first, second) = _classes(y)
        return weights[:, 0] * self.loss.value(z, first) + weights[:, 1] * self.loss.value(
            z, second
        )

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative with respect to the logits at log p, [P, C, B]."""
        return self.logit_gradient(p.clamp_min(torch.finfo(p.dtype).tiny).log(), y)

    def logit_gradient(self, z: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits z, [P, C, B]."""
        weights, classes = _classes(y)
        p = z.softmax(1)
        first, second = (logit_gradient(self.loss, z, p, one) for one in classes)
        return weights[:, :1] * first + weights[:, 1:] * second


def on_probabilities(loss: StackedLoss) -> StackedLoss:
    """The loss on targets of at most two classes: a learned one takes probabilities as they are."""
    kind = loss.kind
    return loss if isinstance(loss, Learned) else OfTwoClasses(loss, kind)


def _classes(y: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """The two largest probabilities of targets y [P, C, B], [P, 2, B], and their classes, one-hot;
    the first twice where there is no other."""
    weights, numbers = y.topk(2, dim=1)
    first, second = numbers[:, :1], numbers[:, 1:]
    second = torch.where(weights[:, 1:] == 0, first, second)
    hot = (torch.zeros_like(y).scatter_(1, number, 1.0) for number in (first, second))
    return weights, (next(hot), next(hot))
