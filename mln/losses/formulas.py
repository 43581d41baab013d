"""Hand-made losses on probabilities, each with its paper's formula and its gradient by hand.

p_t is the probability of the true class. Powers are written as exp and log: torch.pow has other
last bits in a vector's tail than in its body, and a learner's would depend on its neighbours.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from mln.losses.base import (
    OneParameter,
    Plain,
    log_target,
    per_member,
    probability_floor,
    target,
    through_softmax,
)


class CrossEntropy(Plain):
    """-log p_t."""

    kind = "ce"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        return -log_target(z, y)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        return p - y


class MeanSquaredError(Plain):
    """Mean over classes of (p_c - y_c)^2 on probabilities: the Brier score divided by C."""

    kind = "mse"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        return (z.softmax(1) - y).square().mean(1)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        return through_softmax(p * (p - y) * (2.0 / p.shape[1]), p)


class MeanAbsoluteError(Plain):
    """Sum over classes of |p_c - y_c| = 2 (1 - p_t) (Ghosh et al. 2017)."""

    kind = "mae"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        return -2 * torch.expm1(log_target(z, y))

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        return (p - y) * (2 * target(p, y))


class GeneralisedCrossEntropy(OneParameter):
    """(1 - p_t^q) / q with parameter q in (0, 1] (Zhang and Sabuncu 2018, equation 6)."""

    kind = "gce"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        q = self.parameter[:, None]
        return -torch.expm1(q * log_target(z, y)) / q

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        q = per_member(self.parameter)
        p_target = target(p, y).clamp_min(probability_floor(p.dtype))
        return (p - y) * torch.exp(q * torch.log(p_target))


@dataclass(frozen=True)
class SymmetricCrossEntropy(OneParameter):
    """alpha CE + beta RCE with parameter alpha > 0 (Wang et al. 2019).

    RCE = -sum p_c log y_c, where log 0 is replaced by the constant `log_zero` (the paper's A), is
    -A (1 - p_t). Up to a factor the loss depends on alpha / (beta |A|) alone.
    """

    beta: float = 1.0
    log_zero: float = -4.0
    kind = "sce"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        log_p = log_target(z, y)
        return self.beta * self.log_zero * torch.expm1(log_p) - self.parameter[:, None] * log_p

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        reverse = target(p, y) * (-self.beta * self.log_zero)
        return (p - y) * (reverse + per_member(self.parameter))


class LabelSmoothing(OneParameter):
    """Cross-entropy against (1 - eps) y + eps / C with parameter eps (Szegedy et al. 2016)."""

    kind = "label_smoothing"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        eps = per_member(self.parameter)
        return -(((1 - eps) * y + eps / z.shape[1]) * log_softmax(z, 1)).sum(1)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        eps = per_member(self.parameter)
        return p - y + eps * (y - 1.0 / p.shape[1])


class Focal(OneParameter):
    """-(1 - p_t)^gamma log p_t with parameter gamma >= 0 (Lin et al. 2017, equation 4).

    On softmax probabilities, without the paper's class weight; torchvision's
    `sigmoid_focal_loss` is the same formula on one sigmoid per class.
    """

    kind = "focal"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        log_p = log_target(z, y)
        rest = (-torch.expm1(log_p)).clamp_min(probability_floor(z.dtype))
        return -torch.exp(self.parameter[:, None] * torch.log(rest)) * log_p

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        gamma, floor = per_member(self.parameter), probability_floor(p.dtype)
        p_target = target(p, y)
        # 1 - p_t as a sum: a difference has no digits left where p_t is almost 1.
        rest = target(p, 1 - y).clamp_min(floor)
        near_one = torch.log1p(-rest.clamp_max(0.5))
        log_p = torch.where(rest < 0.5, near_one, torch.log(p_target.clamp_min(floor)))
        slope = torch.exp(gamma * torch.log(rest)) * (1 - gamma * p_target * log_p / rest)
        return (p - y) * slope


class PolyOne(OneParameter):
    """-log p_t + eps (1 - p_t) with parameter eps >= -1 (Leng et al. 2022)."""

    kind = "poly1"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        log_p = log_target(z, y)
        return -log_p - self.parameter[:, None] * torch.expm1(log_p)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        return (p - y) * (1 + per_member(self.parameter) * target(p, y))
