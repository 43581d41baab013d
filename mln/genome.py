"""The genome: a learned loss's numbers as one flat float32 vector theta, and where it starts."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from mln.config import LossSpec
from mln.layout import Layout, layout
from mln.losses.meta import stacked_from_genomes
from mln.losses.probe import probe
from mln.search.base import Genomes

__all__ = ["Genomes", "Layout", "imitation", "layout", "start_genome"]

IMITATION_DECAY = 1e-3
"""Weight penalty of the imitation: without it the fit near p = 0 takes weights of 40 and more,
which a mutation of sigma 0.2 can hardly move."""

IMITATION_CLASSES = (2, 10)
"""Numbers of classes on which an imitation that is for any number is fitted."""

SHUT = -4.0
"""Where the gate starts: g = sigmoid(-4) = 0.018."""


def start_genome(spec: LossSpec, generator: Generator) -> NDArray[np.float32]:
    """The genome that evolution starts from: the imitation of CE, or random weights."""
    if spec.start == "imitation":
        return imitation(spec)
    return generator.standard_normal(layout(spec).size).astype(np.float32)


@lru_cache
def imitation(spec: LossSpec) -> NDArray[np.float32]:
    """The genome whose gradient is cross-entropy's, or nearest to it, in any state.

    An adaptive loss begins at cross-entropy itself, genome 0, and so does a residual network:
    random hidden weights, output 0. Other networks and polynomials are fitted. Weights of the
    state begin at 0, a gate nearly shut.
    """
    if spec.kind == "adaptive":
        genome: np.ndarray = np.zeros(layout(spec).size)
    elif spec.head == "residual":
        genome = _silent(spec)
    elif spec.head == "gate" or spec.state:
        genome = _embedded(spec)
    elif spec == LossSpec(hidden=spec.hidden, start=spec.start, normalise=spec.normalise):
        genome = _fitted(spec, _slope_misfit(spec))
    else:
        genome = _fitted(spec, _gradient_misfit(spec))
    start = genome.astype(np.float32)
    start.setflags(write=False)
    return start


def _silent(spec: LossSpec) -> np.ndarray:
    """Random weights up to the last hidden layer, outputs 0."""
    theta = np.random.default_rng(0).standard_normal(layout(spec).size)
    blocks = layout(spec).split(torch.from_numpy(theta)[None])
    for name in ("output", "constant"):
        if name in blocks:
            blocks[name].zero_()
    return torch.cat([block.flatten() for block in blocks.values()]).numpy()


def _embedded(spec: LossSpec) -> np.ndarray:
    """The imitation by the network alone, with neither gate nor state, in this layout."""
    head = "identity" if spec.head == "gate" else spec.head
    bare = replace(spec, head=head, state=())
    known = layout(bare).split(torch.tensor(imitation(bare))[None])
    parts = []
    for block in layout(spec).blocks:
        part = known.get(block.name, torch.zeros(block.shape))
        if block.name == "gate":
            part[0, -1] = SHUT
        parts.append(part.flatten())
    return torch.cat(parts).numpy()


def _fitted(spec: LossSpec, misfit: Callable[[Tensor], Tensor]) -> np.ndarray:
    start = np.random.default_rng(0).standard_normal(layout(spec).size)
    theta = torch.from_numpy(start).requires_grad_()
    optimizer = torch.optim.LBFGS([theta], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = misfit(theta) + IMITATION_DECAY * theta.square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    with torch.enable_grad():
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    return theta.detach().numpy()


def _slope_misfit(spec: LossSpec) -> Callable[[Tensor], Tensor]:
    """Squared error of p dl/dp of a default network, over p and y.

    Cross-entropy has p dl/dp = -y. A bounded network cannot follow -1/p to p = 0, so the
    fit is by least squares over p, half of it near 0, for both y: a loss that pulls less than
    cross-entropy where a learner is confidently wrong.
    """
    even = torch.linspace(0.005, 0.995, 100, dtype=torch.float64)
    near_zero = torch.logspace(-2, 0, 100, dtype=torch.float64)
    p = torch.cat([even, near_zero]).repeat(2)
    y = torch.cat([torch.ones(200), torch.zeros(200)]).double()

    def misfit(theta: Tensor) -> Tensor:
        w_p, w_y, b, v, _ = torch.split(theta, [spec.hidden] * 4 + [1])
        t = torch.tanh(w_p[:, None] * p + w_y[:, None] * y + b[:, None])
        slope = ((v * w_p)[:, None] * (1 - t * t)).sum(0)
        return (p * slope + y).square().mean()

    return misfit


def _gradient_misfit(spec: LossSpec) -> Callable[[Tensor], Tensor]:
    """Squared difference of the logit gradient from cross-entropy's, on the probe."""

    def misfit(theta: Tensor) -> Tensor:
        total = theta.new_zeros(())
        for classes in (spec.classes,) if spec.classes else IMITATION_CLASSES:
            z, y = probe(classes)
            p = z.softmax(0)[None]
            loss = stacked_from_genomes(spec, theta[None], classes, normalise=False)
            factor = classes if spec.scope == "per_class" else 1
            total = total + (factor * loss.gradient(p, y[None]) - (p - y)).square().mean()
        return total

    return misfit
