"""The evolved network as a loss: scale * mean over classes of net(features of a class, state)."""

from math import exp
from threading import get_ident
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

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
from mln.losses.arrays import Array, library, like, log_softmax, numbers, tensor
from mln.losses.base import CERTAIN, Learned, Scratch, Step, array_through_softmax, through_softmax
from mln.losses.probe import gradient_scale
from mln.losses.state import TrainingState

LOG_FLOOR = -60.0
"""Smallest log p that a network sees: the same in float32 and float64."""

QUICK_TOLERANCE = 2e-4
"""Error of a derivative with respect to p, where cross-entropy's is at least 1."""

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
        self.certain: Tensor | None = None
        self.zero: Any = None
        self.quick: tuple[Tensor, ...] | None = None
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
        t = self._features(z.softmax(1), self._log_p(z), y)
        for weight, bias in zip(self.weights, self._biases(), strict=True):
            t = activation(self.spec.activation, torch.baddbmm(bias, weight, t))
        f = torch.bmm(self.v[:, None, :], t) + self.c[..., None]
        if self.softplus:
            f = softplus(f)
        return self.scale * f.view(len(z), -1, z.shape[2]).mean(1)

    def step(self, z: Array, p: Array, y: Array) -> Step:
        """From one pass through the layers; where a state moves the value at certainty, the right
        answers follow the batch in it."""
        log_p = self._log_p(z)
        t = self._features(p, log_p, y)
        number = t.shape[2]
        if self.state is not None:
            t = torch.cat([t, self._certain(z)], 2)
        elif self.zero is None:
            self.zero = self._of_right(self._through(self._certain(z), z.shape[1])[0])
        f, slopes = self._through(t, z.shape[1])
        g, zero = self._back(slopes), self.zero
        if self.state is not None:
            f, zero, g = f[..., :number], self._of_right(f[..., number:]), g[..., :number]
        gradient = self._chained(g, p, log_p)
        if self.per_class:
            return Step(like(f.view(z.shape), z), gradient, zero)
        return Step(like(f, z), gradient, (y * like(zero, z)).sum(axis=1, keepdims=True))

    def _of_right(self, f: Tensor) -> Any:
        """The value at certainty from the outputs for it: a number, or by right class [1, C, 1]."""
        return numbers(f.sum())[0] if self.per_class else f.transpose(1, 2)

    def _certain(self, z: Array) -> Tensor:
        """Features of the right answers, given with certainty: of one where the classes are seen
        one at a time, otherwise of each of those of z [1, C, B]."""
        if self.certain is None:
            like_z = tensor(z)
            right = torch.eye(z.shape[1], dtype=like_z.dtype, device=like_z.device)[None]
            right = right[..., :1].contiguous() if self.per_class else right
            at = CERTAIN * right
            self.certain = self._features(at.softmax(1), self._log_p(at), right)
        return self.certain

    def _through(self, t: Tensor, classes: int) -> tuple[Tensor, list[Tensor]]:
        """Outputs [1, 1, N], a class's share of them, and the derivatives of all layers' units, for
        features t [1, F, N]."""
        if self.quick is None:
            self.quick = self._made_quick()
        if self.quick:
            weight, bias, of_state, row, constant = self.quick
            x, slope = self._rooms(0, t, weight.shape[1])
            if self.state is not None:
                bias = torch.baddbmm(bias, of_state, self.state.features[..., None])
            torch.baddbmm(bias, weight, t, out=x)
            # With s = sigmoid(2 x) the unit is 2 s - 1, and a quarter of its slope s - s^2.
            torch.addcmul(x.sigmoid_(), x, x, value=-1, out=slope)
            return torch.baddbmm(constant, row, x), [slope]
        slopes = []
        for layer, (weight, bias) in enumerate(zip(self.weights, self._biases(), strict=True)):
            x, slope = self._rooms(layer, t, weight.shape[1])
            torch.baddbmm(bias, weight, t, out=x)
            t = units_and_slope(self.spec.activation, x, slope)
            slopes.append(slope)
        factor = SLOPE_SCALE[self.spec.activation]
        for slope in slopes[:-1]:
            slope.mul_(factor)
        if not self.softplus:
            return torch.baddbmm(self.value_constant, self.value_row, t), slopes
        f = torch.baddbmm(self.c.unsqueeze(2), self.v.unsqueeze(1), t)
        slopes[-1].mul_(factor * sigmoid(f))
        share = self.scale / (classes if self.per_class else 1)
        return softplus(f) * share.unsqueeze(2), slopes

    def _made_quick(self) -> tuple[Tensor, ...]:
        """Twice the weights, biases and weights of the state of one layer of tanh units, and the
        output's row and constant for sigmoids; nothing for other networks, or were it too inexact.

        The slope of a unit that is saturated from above has no digits then: it is wrong by the
        precision of 1, which the output's weights multiply.
        """
        if self.spec.activation != "tanh" or self.spec.depth > 1 or self.softplus:
            return ()
        wrong = torch.finfo(self.v.dtype).eps * self.back[0].abs().sum(2).max()
        if wrong.item() > QUICK_TOLERANCE:
            return ()
        constant = self.value_constant - self.value_row.sum(2, keepdim=True)
        of_state = self.v if self.state is None else 2 * self.state_weight
        return 2 * self.weights[0], 2 * self.biases[0], of_state, 2 * self.value_row, constant

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
        chained: Tensor = self._chained(self._back(slopes), p, log_p)
        return chained

    def _back(self, slopes: list[Tensor]) -> Tensor:
        """Derivatives with respect to the class features that depend on p, as these are laid out,
        from those of all layers' units."""
        g = slopes[-1]
        for layer in range(len(slopes) - 1, -1, -1):
            g = torch.bmm(self.back[layer], g)
            if layer > 0:
                g = g * slopes[layer - 1]
        return g

    def _chained(self, g: Tensor, p: Array, log_p: Array | None) -> Array:
        """The logit gradient [P, C, B] from the derivatives with respect to the features."""
        if log_p is None:
            return array_through_softmax(p * like(g.view(p.shape), p), p)
        if not isinstance(p, Tensor):
            return like(self._chained(g, tensor(p), tensor(log_p)), p)
        g = g.view(p.shape[0], -1, *p.shape[1:])
        if self.spec.features == "logp,p,y":
            # Where log p was held at its floor it has no derivative.
            of_log_p = torch.ops.aten.threshold_backward(g[:, 0], p, exp(LOG_FLOOR))
            return through_softmax(of_log_p.addcmul_(p, g[:, 1]), p)
        inside = p > exp(LOG_FLOOR)
        squashed = _squashed(log_p)
        a = g[:, 0] * (1 - squashed * squashed) / LOGIT_RANGE
        return through_softmax((a - a.mean(1, keepdim=True)) * inside, p)

    def _log_p(self, z: Array) -> Array | None:
        """Log-probabilities as the network sees them, or None where it does not."""
        if self.spec.features == "p,y":
            return None
        return library(z).clip(log_softmax(z), LOG_FLOOR, None)

    def _features(self, p: Array, log_p: Array | None, y: Array) -> Tensor:
        if log_p is None:
            rows = [p, y]
        elif self.spec.features == "logp,p,y":
            rows = [log_p, p, y]
        else:
            rows = [_squashed(log_p), y]
        if not isinstance(p, Tensor):
            rows = [row.reshape(1, 1, -1) for row in rows] if self.per_class else rows
            return torch.from_numpy(np.concatenate(rows, axis=1))
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


def _squashed(log_p: Array) -> Array:
    """Logits, centred over the classes and bounded."""
    centred = log_p - log_p.mean(axis=1, keepdims=True)
    return library(log_p).tanh(centred / LOGIT_RANGE)
