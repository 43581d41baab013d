"""The evolved loss, stacked: l = scale(C) * mean over classes of net([p_c, y_c])."""

from functools import lru_cache
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from mln.config import LossSpec
from mln.genome import Layout, layout
from mln.losses.base import through_softmax

PROBE_EXAMPLES = 256
SMALLEST_RMS = 1e-8


class StackedMetaLoss:
    """P meta-losses for tasks of C classes, from genomes [P, G].

    Each is scaled so that its gradient on a fixed probe of logits has the root mean square of
    cross-entropy's: what a loss gains is then not merely another learning rate.
    """

    kind = "mln"

    def __init__(self, spec: LossSpec, theta: Tensor, classes: int) -> None:
        net = layout(spec)
        w_p, w_y, b, v, c = net.split(theta)
        # Units without weight keep the stacked matrices aligned (mln.kernels.stacked.ALIGN).
        w_p, w_y, b, v = (pad(w, (0, -spec.hidden % 8)) for w in (w_p, w_y, b, v))
        self.scale = gradient_scale(net, theta, classes)[:, None]
        self.weight = torch.stack([w_p, w_y], dim=-1)
        self.bias = b[..., None]
        self.v, self.c = v, c
        self._slope = (self.scale * v * w_p / classes)[:, None, :]

    def __len__(self) -> int:
        return len(self.v)

    def take(self, members: Tensor) -> Self:
        """The losses of some members, without computing their scale again."""
        taken = object.__new__(type(self))
        for name, value in vars(self).items():
            setattr(taken, name, value[members])
        return taken

    def value(self, z: Tensor, y: Tensor) -> Tensor:
        """Loss of each example, [P, B]."""
        t = torch.tanh(torch.baddbmm(self.bias, self.weight, self._features(z.softmax(1), y)))
        f = torch.bmm(self.v[:, None, :], t).view_as(z) + self.c[..., None]
        return self.scale * f.mean(1)

    def gradient(self, p: Tensor, y: Tensor) -> Tensor:
        """Derivative of each example's loss with respect to its logits, [P, C, B]."""
        t = torch.baddbmm(self.bias, self.weight, self._features(p, y)).tanh_()
        # 1 - t^2 in one operation: a difference of two sums loses saturated units' precision.
        slope = torch.addcmul(t.new_ones(()), t, t, value=-1)
        g = torch.bmm(self._slope, slope).view_as(p)
        return through_softmax(p * g, p)

    @staticmethod
    def _features(p: Tensor, y: Tensor) -> Tensor:
        return torch.stack([p, y], dim=1).flatten(2)


def gradient_scale(net: Layout, theta: Tensor, classes: int) -> Tensor:
    """What each genome's gradient is multiplied by, [P], for tasks of C classes.

    RMS of cross-entropy's logit gradient over that of the network's, on `probe(classes)`.
    """
    z, target = (t.to(theta) for t in probe(classes))
    p = z.softmax(0)
    w_p, w_y, b, v, _ = (w[..., None, None] for w in net.split(theta))
    t = torch.tanh(w_p * p + w_y * target + b)
    slope = (v * w_p * (1 - t * t)).sum(1) / classes
    gradient = through_softmax(p * slope, p.expand_as(slope))
    return rms(p - target) / rms(gradient).clamp_min(SMALLEST_RMS)


def rms(gradient: Tensor) -> Tensor:
    """Root mean square over the last two dimensions."""
    return gradient.square().mean((-2, -1)).sqrt()


@lru_cache
def probe(classes: int) -> tuple[Tensor, Tensor]:
    """Fixed logits and one-hot targets [C, S]: from undecided to confident, right and wrong."""
    rng = np.random.default_rng([classes, PROBE_EXAMPLES])
    spread = np.exp(rng.uniform(np.log(0.2), np.log(6.0), PROBE_EXAMPLES))
    z = rng.standard_normal((classes, PROBE_EXAMPLES)) * spread
    labels = rng.integers(classes, size=PROBE_EXAMPLES)
    target = np.zeros((classes, PROBE_EXAMPLES))
    target[labels, np.arange(PROBE_EXAMPLES)] = 1
    return torch.from_numpy(z), torch.from_numpy(target)
