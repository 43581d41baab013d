"""Hand-made losses, each with the formula of its paper and its gradient in closed form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from mln.losses.base import StackedLoss, per_member, probability_floor, through_softmax


@dataclass(frozen=True)
class _Plain:
    """A loss without a parameter, for `members` learners."""

    members: int

    def __len__(self) -> int:
        return self.members

    def take(self, members: Tensor) -> Self:
        return type(self)(len(members))


@dataclass(frozen=True)
class _OneParameter:
    """A loss with one parameter per learner, [P]."""

    parameter: Tensor

    def __len__(self) -> int:
        return len(self.parameter)

    def take(self, members: Tensor) -> Self:
        return type(self)(self.parameter[members])


class CrossEntropy(_Plain):
    """-log p_t."""

    kind = "ce"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        return -(y * log_softmax(z, 1)).sum(1)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        return p - y


class MeanSquaredError(_Plain):
    """Mean over classes of (p_c - y_c)^2 on probabilities: the Brier score divided by C."""

    kind = "mse"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        return (z.softmax(1) - y).square().mean(1)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        return through_softmax(p * (p - y) * (2.0 / p.shape[1]), p)


class GeneralisedCrossEntropy(_OneParameter):
    """(1 - p_t^q) / q with parameter q in (0, 1] (Zhang and Sabuncu 2018, equation 6)."""

    kind = "gce"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        q = self.parameter[:, None]
        log_p = (y * log_softmax(z, 1)).sum(1)
        return -torch.expm1(q * log_p) / q

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        q = per_member(self.parameter)
        p_target = (p * y).sum(1, keepdim=True).clamp_min(probability_floor(p.dtype))
        # As a power, p^q would have other last bits in a vector's tail than in its body.
        return (p - y) * torch.exp(q * torch.log(p_target))


class LabelSmoothing(_OneParameter):
    """Cross-entropy against (1 - eps) y + eps / C with parameter eps (Szegedy et al. 2016)."""

    kind = "label_smoothing"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        eps = per_member(self.parameter)
        return -(((1 - eps) * y + eps / z.shape[1]) * log_softmax(z, 1)).sum(1)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        eps = per_member(self.parameter)
        return p - y + eps * (y - 1.0 / p.shape[1])


PLAIN: dict[str, Callable[[int], StackedLoss]] = {
    "ce": CrossEntropy,
    "mse": MeanSquaredError,
}
ONE_PARAMETER: dict[str, Callable[[Tensor], StackedLoss]] = {
    "gce": GeneralisedCrossEntropy,
    "label_smoothing": LabelSmoothing,
}
