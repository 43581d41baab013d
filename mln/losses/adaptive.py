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

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, pad

from mln.config import LossSpec
from mln.layout import EXPONENTS, layout
from mln.losses.base import Learned, probability_floor, through_softmax
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

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        q, eps, gamma, tau = self.exponents()
        log_p = log_softmax(self._adjusted_logits(z, tau), 1)
        rest = (-torch.expm1(log_p)).clamp_min(probability_floor(z.dtype))
        base = torch.exp(gamma * torch.log(rest)) * _box_cox(log_p, q)
        return self.scale[..., 0] * (((1 - eps) * y + eps / z.shape[1]) * base).sum(1)

    def value_and_gradient(self, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Value [P, B] and logit gradient [P, C, B], in one pass over the probabilities."""
        q, eps, gamma, tau = self.exponents()
        log_p = log_softmax(self._adjusted_logits(z, tau), 1)
        p = torch.exp(log_p)
        rest = (1 - p).clamp_min_(probability_floor(z.dtype))
        power = torch.expm1(q * log_p)  # p^q - 1
        none = q == 0
        lost = torch.where(none, -log_p, power / torch.where(none, -1, -q))
        weight = torch.exp(gamma * torch.log(rest)).mul_(self.scale)
        weight.mul_(torch.addcmul(eps / z.shape[1], y, 1 - eps))
        u = power.add_(1).addcmul_(gamma * p, lost / rest).mul_(weight)
        value = (weight * lost).sum(1)
        return value, (p * u.sum(1, keepdim=True)).sub_(u)

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


def _box_cox(log_p: Tensor, q: Tensor) -> Tensor:
    """(1 - p^q) / q, or -log p where q is 0."""
    none = q == 0
    return torch.where(none, -log_p, -torch.expm1(q * log_p) / torch.where(none, 1, q))
