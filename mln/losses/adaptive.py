"""The adaptive loss: four exponents of known losses that follow the state of training.

With p = softmax(z + tau * log prior) and targets t = (1 - eps) * y + eps / C the loss is
    sum over classes of t_c * (1 - p_c)^gamma * (1 - p_c^q) / q,    -log p_c in place of the
    last factor where q = 0.
It contains cross-entropy (all four 0), generalised cross-entropy (q; Zhang and Sabuncu 2018),
label smoothing (eps; Szegedy et al. 2016), focal loss (gamma; Lin et al. 2017) and logit
adjustment by the running class frequencies (tau; Menon et al. 2021).

Each exponent is its range times clip(w . state + b, 0, 1): a law that can be read. Genes are in
units of the range, so that a change of .1 in a constant moves its exponent by a tenth of it.
"""

from math import inf, log
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from mln.config import LossSpec
from mln.layout import EXPONENTS, layout
from mln.losses.arrays import Array, library, like, log_softmax, numbers, with_floor
from mln.losses.base import Learned, Step, array_through_softmax, probability_floor, through_softmax
from mln.losses.host_state import linear
from mln.losses.probe import gradient_scale
from mln.losses.state import TrainingState, adjusted


class AdaptiveLoss(Learned):
    """P adaptive losses for tasks of C classes, from genomes [P, G]; cross-entropy at genome 0.

    Its scale, where the specification asks for one, is that of the neutral state "middle" and
    stays as it is while the exponents move.
    """

    kind = "adaptive"
    state: TrainingState

    def __init__(
        self, spec: LossSpec, theta: Tensor, classes: int, normalise: bool | None = None
    ) -> None:
        self.spec = spec
        parts = layout(spec).split(theta)
        self.state = TrainingState(spec.state, len(theta), classes, theta)
        # Rows and columns without weight keep the stacked matrices aligned.
        rows = 8 - len(EXPONENTS)
        self.constant = pad(parts["constant"], (0, rows))[..., None]
        self.weight = self.constant[..., :0]
        if spec.state:
            columns = -len(spec.state) % 8
            self.weight = pad(parts["state"], (0, columns, 0, rows)).contiguous()
        self.largest = theta.new_tensor(spec.ranges).expand(len(theta), -1)[..., None]
        self.scale = theta.new_ones(len(theta), 1, 1)
        if spec.normalise if normalise is None else normalise:
            unscaled = AdaptiveLoss(spec, theta.double(), classes, normalise=False)
            scale = gradient_scale(unscaled, classes, device=theta.device)
            self.scale = scale.to(theta.dtype)[:, None, None]

    def __len__(self) -> int:
        return len(self.scale)

    def exponents(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """q, eps, gamma and tau in the present state, [P, 1, 1] each."""
        outputs = self.constant
        if self.state.names:
            outputs = torch.baddbmm(outputs, self.weight, self.state.features[..., None])
        exponents = self.largest * outputs[:, : len(EXPONENTS)].clamp(0, 1)
        q, eps, gamma, tau = exponents[:, :, None].unbind(1)
        return q, eps, gamma, tau

    def _exponent_numbers(self) -> list[Any]:
        """Those of one loss, as numbers."""
        if self.constant.device.type != "cpu":
            return numbers(torch.cat(self.exponents()))
        outputs = linear(self.constant, self.weight, self.state)
        return [r * min(max(x, 0.0), 1.0) for r, x in zip(self.spec.ranges, outputs, strict=False)]

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        q, eps, gamma, tau = self.exponents()
        log_p = log_softmax(self._adjusted_logits(z, tau))
        rest = (-torch.expm1(log_p)).clamp_min(probability_floor(z.dtype))
        base = torch.exp(gamma * torch.log(rest)) * _box_cox(log_p, q)
        return self.scale[..., 0] * (((1 - eps) * y + eps / z.shape[1]) * base).sum(1)

    def step(self, z: Array, p: Array, y: Array) -> Step:
        """From one pass over the probabilities of the adjusted logits."""
        q, eps, gamma, tau = self._exponent_numbers()
        (scale,) = numbers(self.scale)
        floor = probability_floor(self.scale.dtype)
        log_p = log_softmax(z + tau * like(self.state.log_prior, z))
        log_p = with_floor(log_p, log(floor))
        exp, log_, expm1 = library(z).exp, library(z).log, library(z).expm1
        # In place: results that are allocated anew cost a large batch more than the arithmetic.
        p = exp(log_p)
        rest = 1 - p
        rest += floor  # lost but where the rest is 0
        power = q * log_p
        expm1(power, out=power)  # p^q - 1
        gain = _gain(log_p, power, q)
        u = gain * p
        u /= rest
        u *= -gamma
        u += power
        u += 1
        log_(rest, out=rest)
        rest *= gamma
        # Weight and gain are both below 0, which spares a change of sign.
        weight = y * (scale * (eps - 1))
        weight -= scale * eps / z.shape[1]
        weight *= exp(rest, out=rest)
        u *= weight
        weight *= gain
        return Step(weight, array_through_softmax(u, p), 0.0)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        q, eps, gamma, tau = self.exponents()
        # Dividing by a sum of 1 would still round: without adjustment p is p, to the last bit.
        p = torch.where(tau == 0, p, adjusted(p, self.state.log_prior, tau))
        floor = probability_floor(p.dtype)
        log_p = torch.log(p.clamp_min(floor))
        rest = (1 - p).clamp_min(floor)
        focus = torch.exp(gamma * torch.log(rest))
        # u = p * dl/dp
        inner = torch.exp(q * log_p) + gamma * p * _box_cox(log_p, q) / rest
        u = ((1 - eps) * y + eps / p.shape[1]) * focus * inner
        return -self.scale * through_softmax(u, p)

    def _adjusted_logits(self, z: Tensor, tau: Tensor) -> Tensor:
        """z + tau * log prior; a logit of -inf is that of the smallest probability.

        Smoothing wants a finite probability of every class, a masked one included.
        """
        z = z + tau * self.state.log_prior
        lowest = z.detach().amax(1, keepdim=True) + log(probability_floor(z.dtype))
        return torch.where(z == -inf, lowest, z)


def _gain(log_p: Array, power: Array, q: float | Tensor) -> Array:
    """(p^q - 1) / q from p^q - 1, or log p where q is 0."""
    if isinstance(q, Tensor):
        none = q == 0
        return torch.where(none, log_p, power / torch.where(none, 1, q))
    return power / q if q else log_p


def _box_cox(log_p: Tensor, q: Tensor) -> Tensor:
    """(1 - p^q) / q, or -log p where q is 0."""
    none = q == 0
    return torch.where(none, -log_p, -torch.expm1(q * log_p) / torch.where(none, 1, q))
