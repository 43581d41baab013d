"""The evolved network as a loss: scale * mean over classes of net(features of a class, state)."""

from math import exp
from threading import get_ident

import torch
from torch import Tensor
from torch.nn.functional import log_softmax, pad

from mln.config import LossSpec
from mln.layout import class_inputs, layout
from mln.losses.activations import (
    SLOPE_SCALE,
    activation,
    activation_and_slope,
    scaled_slope,
    sigmoid,
    softplus,
    units_and_slope,
)
from mln.losses.base import Learned, Scratch, through_softmax
from mln.losses.probe import gradient_scale
from mln.losses.state import TrainingState

LOG_FLOOR = -60.0
"""Smallest log p that a network sees: the same in float32 and float64."""

LOGIT_RANGE = 4.0
"""A centred logit a enters as tanh(a / LOGIT_RANGE)."""


class NetworkLoss(Learned):
    """P networks for tasks of C classes, from genomes [P, G].

    Its output goes through softplus for that head, and is left as it is for all others.

    Of scope "per_class" it reads a matrix of features [F, C * B] and gives one number per class
    and example, which are averaged; of scope "vector" it reads [F * C, B] and gives one number
    per example. Gradients are exact and by hand: logits' features are chained through softmax.
    """

    kind = "mln"

    def __init__(
        self, spec: LossSpec, theta: Tensor, classes: int, normalise: bool | None = None
    ) -> None:
        self.spec = spec
        self.per_class = spec.scope == "per_class"
        self.softplus = spec.head == "softplus"
        parts = layout(spec).split(theta)
        if spec.state:
            self.state = TrainingState(spec.state, len(theta), classes, theta)
        # Units without weight keep the stacked matrices aligned (mln.kernels.alignment.ALIGN).
        extra = -spec.hidden % 8
        inputs = pad(parts["inputs"], (0, extra))
        self.weights = [inputs.transpose(1, 2).contiguous()]
        self.biases = [pad(parts[f"bias_{i}"], (0, extra))[..., None] for i in range(spec.depth)]
        self.weights += [
            pad(parts[f"weight_{i}"], (0, extra, 0, extra)) for i in range(1, spec.depth)
        ]
        self.scratch = Scratch()
        self.rooms: dict[tuple[int, int], tuple[Scratch, Scratch]] = {}
        self.v, self.c = pad(parts["output"], (0, extra)), parts["constant"]
        if spec.state:
            rows = pad(parts["state"], (0, extra, 0, -len(spec.state) % 8))
            self.state_weight = rows.transpose(1, 2).contiguous()
        if spec.normalise if normalise is None else normalise:
            unscaled = NetworkLoss(spec, theta.double(), classes, normalise=False)
            scale = gradient_scale(unscaled, classes, device=theta.device)
            self.scale = scale.to(theta.dtype)[:, None]
        else:
            self.scale = theta.new_ones(len(theta), 1)
        # Backwards through the layers; the last one takes up all constant factors.
        differentiable = class_inputs(spec) - (spec.classes or 1)
        self.back = [inputs[:, :differentiable]]
        self.back += [weight.transpose(1, 2).contiguous() for weight in self.weights[1:]]
        factor = self.scale * self.v
        shares = classes if self.per_class else 1
        self.value_row = (factor / shares).unsqueeze(1)
        self.value_constant = (self.scale * self.c / shares).unsqueeze(2)
        if not self.softplus:
            factor = factor * SLOPE_SCALE[spec.activation]
        self.back[-1] = factor[:, None] * self.back[-1] / shares

    def __len__(self) -> int:
        return len(self.v)

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        log_p = None if self.spec.features == "p,y" else log_softmax(z, 1).clamp_min(LOG_FLOOR)
        t = self._features(z.softmax(1), log_p, y)
        for weight, bias in zip(self.weights, self._biases(), strict=True):
            t = activation(self.spec.activation, torch.baddbmm(bias, weight, t))
        f = torch.bmm(self.v[:, None, :], t) + self.c[..., None]
        if self.softplus:
            f = softplus(f)
        return self.scale * f.view(len(z), -1, z.shape[2]).mean(1)

    def value_and_gradient(self, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Value [P, B] and logit gradient [P, C, B], from one pass through the layers."""
        p = z.softmax(1)
        log_p = None if self.spec.features == "p,y" else log_softmax(z, 1).clamp_min(LOG_FLOOR)
        t, slopes = self._features(p, log_p, y), []
        for layer, (weight, bias) in enumerate(zip(self.weights, self._biases(), strict=True)):
            x, slope = self._rooms(layer, t, weight.shape[1])
            torch.baddbmm(bias, weight, t, out=x)
            t = units_and_slope(self.spec.activation, x, slope)
            slopes.append(slope)
        factor = SLOPE_SCALE[self.spec.activation]
        for slope in slopes[:-1]:
            slope.mul_(factor)
        if self.softplus:
            f = torch.baddbmm(self.c.unsqueeze(2), self.v.unsqueeze(1), t)
            slopes[-1].mul_(factor * sigmoid(f))
            f = softplus(f) * (self.scale / (z.shape[1] if self.per_class else 1)).unsqueeze(2)
        else:
            f = torch.baddbmm(self.value_constant, self.value_row, t)
        value = f.view(z.shape).sum(1) if self.per_class else f.squeeze(1)
        return value, self._back(slopes, p, log_p)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        log_p = None
        if self.spec.features != "p,y":
            log_p = torch.log(p.clamp_min(exp(LOG_FLOOR)))
        t = self._features(p, log_p, y)
        slopes = []
        name, last = self.spec.activation, self.spec.depth - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self._biases(), strict=True)):
            if layer < last or self.softplus:
                t, of_layer = activation_and_slope(name, torch.baddbmm(bias, weight, t))
                slopes.append(of_layer)
            else:
                slopes.append(scaled_slope(name, self._last_units(weight, bias, t)))
        if self.softplus:
            f = torch.bmm(self.v[:, None, :], t) + self.c[..., None]
            slopes[-1] = slopes[-1] * sigmoid(f)
        return self._back(slopes, p, log_p)

    def _back(self, slopes: list[Tensor], p: Tensor, log_p: Tensor | None) -> Tensor:
        """The logit gradient [P, C, B] from the derivatives of all layers' units."""
        g = slopes[-1]
        for layer in range(len(slopes) - 1, -1, -1):
            g = torch.bmm(self.back[layer], g)
            if layer > 0:
                g = g * slopes[layer - 1]
        if log_p is None:
            return through_softmax(p * g.view_as(p), p)
        g = g.view(p.shape[0], -1, *p.shape[1:])
        if self.spec.features == "logp,p,y":
            # Where log p was held at its floor it has no derivative.
            of_log_p = torch.ops.aten.threshold_backward(g[:, 0], p, exp(LOG_FLOOR))
            return through_softmax(of_log_p.addcmul_(p, g[:, 1]), p)
        inside = p > exp(LOG_FLOOR)
        squashed = _squashed(log_p)
        a = g[:, 0] * (1 - squashed * squashed) / LOGIT_RANGE
        return through_softmax((a - a.mean(1, keepdim=True)) * inside, p)

    def _features(self, p: Tensor, log_p: Tensor | None, y: Tensor) -> Tensor:
        if log_p is None:
            rows = [p, y]
        elif self.spec.features == "logp,p,y":
            rows = [log_p, p, y]
        else:
            rows = [_squashed(log_p), y]
        stacked = torch.stack(rows, dim=1)
        return stacked.flatten(2) if self.per_class else stacked.flatten(1, 2)

    def _rooms(self, layer: int, t: Tensor, units: int) -> list[Tensor]:
        """Two buffers [P, units, examples] for a layer, of this thread alone."""
        place = (get_ident(), layer)
        if place not in self.rooms:
            self.rooms[place] = (Scratch(), Scratch())
        return [scratch.like(t, t.shape[0], units, t.shape[2]) for scratch in self.rooms[place]]

    def _last_units(self, weight: Tensor, bias: Tensor, t: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            return torch.baddbmm(bias, weight, t)
        room = self.scratch.like(t, len(t), weight.shape[1], t.shape[2])
        return torch.baddbmm(bias, weight, t, out=room)

    def _biases(self) -> list[Tensor]:
        """Biases [P, H, 1] of each layer, the first with the state's part."""
        if self.state is None:
            return self.biases
        state = self.state.features[..., None]
        return [torch.baddbmm(self.biases[0], self.state_weight, state), *self.biases[1:]]


def _squashed(log_p: Tensor) -> Tensor:
    """Logits, centred over the classes and bounded."""
    return torch.tanh((log_p - log_p.mean(1, keepdim=True)) / LOGIT_RANGE)
