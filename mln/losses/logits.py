"""Hand-made losses on logits, which no softmax can be taken of without losing what they measure.

Their `gradient(p, y)` is the derivative at the logits log p; a rollout takes the one at its
own logits (`mln.losses.base.logit_gradient`).
"""

import torch
from torch import Tensor

from mln.losses.base import Plain, probability_floor


class LogitSquaredError(Plain):
    """Mean over classes of (z_c - y_c)^2 on logits: torch's MSELoss (Hui and Belkin 2021)."""

    kind = "mse_logits"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        return (z - y).square().mean(1)

    def logit_gradient(self, z: Tensor, y: Tensor) -> Tensor:
        """Derivative at the logits z, [P, C, B]."""
        return (z - y) * (2.0 / z.shape[1])

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        return self.logit_gradient(_log(p), y)


class Hinge(Plain):
    """Sum over j != t of max(0, 1 - z_t + z_j), divided by C: the Weston-Watkins form.

    Weston and Watkins 1999; torch's MultiMarginLoss (p = 1, margin = 1).
    """

    kind = "hinge"

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        return (_margins(z, y).relu() * (1 - y)).mean(1)

    def logit_gradient(self, z: Tensor, y: Tensor) -> Tensor:
        """Derivative at the logits z, [P, C, B]."""
        violated = (_margins(z, y) > 0) * (1 - y)
        return (violated - y * violated.sum(1, keepdim=True)) / z.shape[1]

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        return self.logit_gradient(_log(p), y)


def _margins(z: Tensor, y: Tensor) -> Tensor:
    return 1 - (z * y).sum(1, keepdim=True) + z


def _log(p: Tensor) -> Tensor:
    return torch.log(p.clamp_min(probability_floor(p.dtype)))
