"""The hyper-loss: four exponents of known losses that follow the state of training.

With p = softmax(z + tau * log prior) and targets t = (1 - eps) * y + eps / C the loss is
    sum over classes of t_c * (1 - p_c)^gamma * (1 - p_c^q) / q,    -log p_c in place of the
    last factor where q = 0.
It contains cross-entropy (all four 0), generalised cross-entropy (q; Zhang and Sabuncu 2018),
label smoothing (eps; Szegedy et al. 2016), focal loss (gamma; Lin et al. 2017) and logit
adjustment (tau; Menon et al. 2021).
"""

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, pad

from mln.config import LossSpec
from mln.layout import HYPER_OUTPUTS, layout
from mln.losses.base import Learned, probability_floor, through_softmax
from mln.losses.probe import gradient_scale
from mln.losses.state import TrainingState, adjusted

MAX_EXPONENTS = {"q": 1.0, "eps": 0.9, "gamma": 5.0, "tau": 2.0}
"""An output of 1 or more of the small network means this, one of 0 or less means 0."""


class HyperLoss(Learned):
    """P hyper-losses for tasks of C classes, from genomes [P, G]."""

    kind = "hyper"
    state: TrainingState

    def __init__(
        self, spec: LossSpec, theta: Tensor, classes: int, normalise: bool | None = None
    ) -> None:
        parts = layout(spec).split(theta)
        self.state = TrainingState(spec.state, len(theta), classes, theta)
        # Rows and columns without weight keep the stacked matrices aligned.
        rows = 8 - len(HYPER_OUTPUTS)
        self.constant = pad(parts["constant"], (0, rows))[..., None]
        if spec.state:
            extra = -spec.hidden % 8
            hidden = pad(parts["state"], (0, extra, 0, -len(spec.state) % 8))
            self.hidden_weight = hidden.transpose(1, 2).contiguous()
            self.hidden_bias = pad(parts["bias_0"], (0, extra))[..., None]
            self.output = pad(parts["output"], (0, extra, 0, rows))
        largest = [MAX_EXPONENTS[name] for name in HYPER_OUTPUTS]
        self.largest = theta.new_tensor(largest).expand(len(theta), -1)[..., None]
        self.scale = theta.new_ones(len(theta), 1, 1)
        if spec.normalise if normalise is None else normalise:
            unscaled = HyperLoss(spec, theta.double(), classes, normalise=False)
            self.scale = gradient_scale(unscaled, classes).to(theta.dtype)[:, None, None]

    def __len__(self) -> int:
        return len(self.scale)

    def exponents(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """q, eps, gamma and tau in the present state, [P, 1, 1] each."""
        outputs = self.constant
        if self.state.names:
            state = self.state.features[..., None]
            t = torch.tanh(torch.baddbmm(self.hidden_bias, self.hidden_weight, state))
            outputs = torch.baddbmm(outputs, self.output, t)
        exponents = self.largest * outputs[:, : len(HYPER_OUTPUTS)].clamp(0, 1)
        q, eps, gamma, tau = exponents[:, :, None].unbind(1)
        return q, eps, gamma, tau

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        q, eps, gamma, tau = self.exponents()
        log_p = log_softmax(z + tau * self.state.log_prior, 1)
        rest = (-torch.expm1(log_p)).clamp_min(probability_floor(z.dtype))
        base = torch.exp(gamma * torch.log(rest)) * _box_cox(log_p, q)
        return self.scale[..., 0] * (((1 - eps) * y + eps / z.shape[1]) * base).sum(1)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        q, eps, gamma, tau = self.exponents()
        p = adjusted(p, self.state.log_prior, tau)
        floor = probability_floor(p.dtype)
        log_p = torch.log(p.clamp_min(floor))
        rest = (1 - p).clamp_min(floor)
        focus = torch.exp(gamma * torch.log(rest))
        # u = p * dl/dp
        inner = torch.exp(q * log_p) + gamma * p * _box_cox(log_p, q) / rest
        u = ((1 - eps) * y + eps / p.shape[1]) * focus * inner
        return -self.scale * through_softmax(u, p)


def _box_cox(log_p: Tensor, q: Tensor) -> Tensor:
    """(1 - p^q) / q, or -log p where q is 0."""
    none = q == 0
    return torch.where(none, -log_p, -torch.expm1(q * log_p) / torch.where(none, 1, q))
