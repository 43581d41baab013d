"""A network beside cross-entropy: added to it, or mixed with it by a gate."""

from math import exp
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from mln.config import LossSpec
from mln.layout import GATE_OUTPUTS, layout
from mln.losses.activations import sigmoid
from mln.losses.arrays import Array, library, like, log_softmax, log_target_parts, numbers
from mln.losses.base import Learned, Step, log_target
from mln.losses.host_state import linear
from mln.losses.network import NetworkLoss
from mln.losses.probe import gradient_scale
from mln.losses.state import TrainingState, adjusted

MAX_TAU = 2.0


def with_cross_entropy(value: Array, log_target: Array) -> Array:
    """Parts of a value [1, K, B], which are overwritten, less those of log p_t [1, C, B]."""
    value -= log_target if value.shape[1] > 1 else log_target.sum(axis=1, keepdims=True)
    return value


class ResidualLoss(Learned):
    """scale * (cross-entropy + net)."""

    kind = "mln"

    def __init__(
        self, spec: LossSpec, theta: Tensor, classes: int, normalise: bool | None = None
    ) -> None:
        self.net = NetworkLoss(spec, theta, classes, normalise=False)
        self.state = self.net.state
        self.scale = theta.new_ones(len(theta), 1, 1)
        if spec.normalise if normalise is None else normalise:
            unscaled = ResidualLoss(spec, theta.double(), classes, normalise=False)
            scale = gradient_scale(unscaled, classes, device=theta.device)
            self.scale = scale.to(theta.dtype)[:, None, None]

    def __len__(self) -> int:
        return len(self.scale)

    def take(self, members: Tensor) -> "ResidualLoss":
        """The losses of some members; loss and network keep one state."""
        taken = super().take(members)
        taken.net.state = taken.state
        return taken

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        ce = -log_target(z, y)
        return self.scale[..., 0] * (ce + self.net.value(z, y))

    def step(self, z: Array, p: Array, y: Array) -> Step:
        """That of the network and that of cross-entropy, added."""
        net = self.net.step(z, p, y)
        (scale,) = numbers(self.scale)
        log_target = log_target_parts(log_softmax(z), y)
        value, gradient = with_cross_entropy(net.value, log_target), net.gradient
        value *= scale
        gradient += p
        gradient -= y
        gradient *= scale
        return Step(value, gradient, net.zero * scale)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        return self.scale * (p - y + self.net.gradient(p, y))


class GateLoss(Learned):
    """scale * ((1 - g) * cross-entropy + g * net).

    g is the sigmoid of a linear function of the state. The cross-entropy is that of logits
    adjusted by tau times the logarithm of the running class frequencies; tau, in [0, 2], is a
    clipped linear function of the state. The net by itself has cross-entropy's gradient scale,
    so that g means the same for any number of classes.
    """

    kind = "mln"
    state: TrainingState

    def __init__(
        self, spec: LossSpec, theta: Tensor, classes: int, normalise: bool | None = None
    ) -> None:
        self.spec = spec
        genes = layout(spec).split(theta)["gate"]
        self.net = NetworkLoss(spec, theta, classes)
        self.state = self.net.state or TrainingState((), len(theta), classes, theta)
        # Rows without weight keep the stacked matrices aligned (mln.kernels.alignment.ALIGN).
        rows = 8 - len(GATE_OUTPUTS)
        self.weight = pad(genes[..., :-1], (0, -len(spec.state) % 8, 0, rows)).contiguous()
        self.constant = pad(genes[..., -1], (0, rows))[..., None]
        self.scale = theta.new_ones(len(theta), 1, 1)
        if spec.normalise if normalise is None else normalise:
            unscaled = GateLoss(spec, theta.double(), classes, normalise=False)
            scale = gradient_scale(unscaled, classes, device=theta.device)
            self.scale = scale.to(theta.dtype)[:, None, None]

    def __len__(self) -> int:
        return len(self.scale)

    def take(self, members: Tensor) -> "GateLoss":
        """The losses of some members; loss and network keep one state."""
        taken = super().take(members)
        if self.net.state is not None:
            taken.net.state = taken.state
        return taken

    def gate(self) -> tuple[Tensor, Tensor]:
        """g and tau in the present state, [P, 1, 1] each."""
        outputs = self.constant
        if self.state.names:
            outputs = torch.baddbmm(outputs, self.weight, self.state.features[..., None])
        return sigmoid(outputs[:, :1]), MAX_TAU * outputs[:, 1:2].clamp(0, 1)

    def _gate_numbers(self) -> list[Any]:
        """g and tau of one loss, as numbers."""
        if self.constant.device.type != "cpu":
            return numbers(torch.cat(self.gate(), 1))
        of_g, of_tau, *_ = linear(self.constant, self.weight, self.state)
        return [1 / (1 + exp(-min(max(of_g, -80.0), 80.0))), MAX_TAU * min(max(of_tau, 0.0), 1.0)]

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        g, tau = self.gate()
        ce = -log_target(z + tau * self.state.log_prior, y)
        g = g[..., 0]
        return self.scale[..., 0] * ((1 - g) * ce + g * self.net.value(z, y))

    def step(self, z: Array, p: Array, y: Array) -> Step:
        """That of the network and that of cross-entropy, mixed."""
        net = self.net.step(z, p, y)
        g, tau = self._gate_numbers()
        (scale,) = numbers(self.scale)
        of_net, rest = scale * g, scale * (1 - g)
        log_p = log_softmax(z + tau * like(self.state.log_prior, z))
        value, gradient = net.value, net.gradient
        value *= of_net
        log_target = log_target_parts(log_p, y)
        log_target *= rest
        value = with_cross_entropy(value, log_target)
        of_cross_entropy = library(z).exp(log_p, out=log_p)
        of_cross_entropy -= y
        of_cross_entropy *= rest
        gradient *= of_net
        gradient += of_cross_entropy
        return Step(value, gradient, net.zero * of_net)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        g, tau = self.gate()
        ce = adjusted(p, self.state.log_prior, tau) - y
        return self.scale * ((1 - g) * ce + g * self.net.gradient(p, y))
