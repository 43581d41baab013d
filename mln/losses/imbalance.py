"""Cross-entropies that know how often each class occurs among the training labels."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from mln.losses.base import log_target, per_member, target


@dataclass(frozen=True)
class LogitAdjusted:
    """Cross-entropy of softmax(z + tau log pi) (Menon et al. 2021, equation 10).

    tau: the parameter, [P]; log_prior: log pi_c of each learner's training labels [P, C].
    """

    tau: Tensor
    log_prior: Tensor
    kind = "logit_adjusted"

    @classmethod
    def from_counts(cls, parameter: Tensor, counts: Tensor) -> Self:
        """From tau [P] and the number of training labels of each class [P, C].

        A class without labels counts as having one.
        """
        present = counts.double().clamp_min(1)
        log_prior = torch.log(present / present.sum(1, keepdim=True))
        return cls(parameter, log_prior.to(parameter.dtype))

    def __len__(self) -> int:
        return len(self.tau)

    def take(self, members: Tensor) -> Self:
        """The losses of some members."""
        return replace(self, tau=self.tau[members], log_prior=self.log_prior[members])

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        return -log_target(z + self._shift(), y)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        shift = self._shift()
        # The largest weight is 1, so that the sum of p * weight never vanishes for sane tau.
        adjusted = p * torch.exp(shift - shift.amax(1, keepdim=True))
        return adjusted / adjusted.sum(1, keepdim=True) - y

    def _shift(self) -> Tensor:
        return per_member(self.tau) * self.log_prior[..., None]


@dataclass(frozen=True)
class ClassBalanced:
    """w_t CE with w_c proportional to (1 - beta) / (1 - beta^n_c) (Cui et al. 2019).

    weight: w [P, C], normalised as in the paper so that it sums to C; the parameter is beta in
    [0, 1), n_c the number of training labels of class c.
    """

    weight: Tensor
    kind = "class_balanced"

    @classmethod
    def from_counts(cls, parameter: Tensor, counts: Tensor) -> Self:
        """From beta [P] and the number of training labels of each class [P, C].

        A class without labels counts as having one.
        """
        log_beta = torch.log(parameter.double())[:, None]
        weight = -1 / torch.expm1(counts.double().clamp_min(1) * log_beta)
        weight *= counts.shape[1] / weight.sum(1, keepdim=True)
        return cls(weight.to(parameter.dtype))

    def __len__(self) -> int:
        return len(self.weight)

    def take(self, members: Tensor) -> Self:
        """The losses of some members."""
        return replace(self, weight=self.weight[members])

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        return -self._of_target(y)[:, 0] * log_target(z, y)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        return (p - y) * self._of_target(y)

    def _of_target(self, y: Tensor) -> Tensor:
        return target(self.weight[..., None], y)
