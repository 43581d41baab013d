"""The genome: the meta-loss network's weights as one flat float32 vector theta."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from mln.config import LossSpec

Genomes = NDArray[np.float32]

IMITATION_DECAY = 1e-3
"""Weight penalty of the imitation: without it the fit near p = 0 takes weights of 40 and more,
which a mutation of sigma 0.2 can hardly move."""


class Layout(NamedTuple):
    """Where each weight stands in a genome: [w_p, w_y, b] per hidden unit, then v, then c."""

    hidden: int

    @property
    def size(self) -> int:
        """Number of genes."""
        return 4 * self.hidden + 1

    def split(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Weights of [..., size] genomes: w_p, w_y, b, v [..., H] and c [..., 1]."""
        w_p, w_y, b, v, c = torch.split(theta, [self.hidden] * 4 + [1], dim=-1)
        return w_p, w_y, b, v, c


def layout(spec: LossSpec) -> Layout:
    """The layout of a specification's genome."""
    return Layout(spec.hidden)


def start_genome(spec: LossSpec, generator: Generator) -> NDArray[np.float32]:
    """The genome that evolution starts from: the imitation of CE, or random weights."""
    if spec.start == "imitation":
        return imitation(spec)
    return generator.standard_normal(layout(spec).size).astype(np.float32)


@lru_cache
def imitation(spec: LossSpec) -> NDArray[np.float32]:
    """The genome whose gradient is nearest to cross-entropy's.

    Cross-entropy has p dl/dp = -y. A bounded network cannot follow -1/p to p = 0, so the
    fit is by least squares over p, half of it near 0, for both y, with a weight penalty: a loss
    that pulls less than cross-entropy where a learner is confidently wrong.
    """
    net = layout(spec)
    even = torch.linspace(0.005, 0.995, 100, dtype=torch.float64)
    near_zero = torch.logspace(-2, 0, 100, dtype=torch.float64)
    p = torch.cat([even, near_zero]).repeat(2)
    y = torch.cat([torch.ones(200), torch.zeros(200)]).double()
    start = np.random.default_rng(0).standard_normal(net.size)
    theta = torch.from_numpy(start).requires_grad_()

    def misfit() -> Tensor:
        residual = p * _slope(net, theta, p, y) + y
        return residual.square().mean() + IMITATION_DECAY * theta.square().mean()

    optimizer = torch.optim.LBFGS([theta], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = misfit()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    found = theta.detach().numpy().astype(np.float32)
    found.setflags(write=False)
    return found


def _slope(net: Layout, theta: Tensor, p: Tensor, y: Tensor) -> Tensor:
    """dl/dp of one genome at p, y [S]."""
    w_p, w_y, b, v, _ = net.split(theta)
    t = torch.tanh(w_p[:, None] * p + w_y[:, None] * y + b[:, None])
    return ((v * w_p)[:, None] * (1 - t * t)).sum(0)
