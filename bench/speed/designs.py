"""The designs that are compared: how each is made, and why one is not available."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from bench.speed.cases import Workload
from mln.kernels import engine
from mln.losses.meta import stacked_from_genomes
from mln.rollout import RolloutOptions


class Program(NamedTuple):
    """One way to train a workload: run() trains all members and returns their weights [P, W]."""

    run: Callable[[], NDArray[np.float32]]
    compile_seconds: float = 0.0


ProgramMaker = Callable[[], Program]


class DesignUnavailable(Exception):
    """A design is not available here; the message says why in one line."""


def programs(design: str, work: Workload) -> dict[str, ProgramMaker]:
    """The variants of a design by name, of which the fastest counts; made when called.

    Raises DesignUnavailable where the design cannot train this workload, or not here.
    """
    if design in engine.KERNELS:
        kernel = next(name for name in engine.KERNELS if name == design)
        obstacle = engine.obstacle(kernel, work.problem.learner, work.loss, "cpu")
        if obstacle is not None:
            raise DesignUnavailable(obstacle)
        return {design: partial(_kernel, kernel, work)}
    if design in ("jax", "vmap") and work.loss.state:
        raise DesignUnavailable("it has no losses that follow the state of training")
    if design == "jax":
        if find_spec("jax") is None:
            raise DesignUnavailable("jax is not installed: pip install 'mln-bench[peers]'")
        from bench.speed.jax_peer import VARIANTS

        return {name: partial(_jax, work, name) for name in VARIANTS}
    from bench.speed import torch_peers

    makers = {"naive": torch_peers.naive, "vmap": torch_peers.vmapped}
    if design not in makers:
        raise DesignUnavailable("this version has no such kernel")
    return {design: lambda: Program(makers[design](work))}


def _kernel(name: engine.KernelName, work: Workload) -> Program:
    kernel = engine.get(name)
    options = RolloutOptions(keep_weights=True)
    losses = stacked_from_genomes(work.loss, torch.from_numpy(work.genomes), work.problem.classes)

    def run() -> NDArray[np.float32]:
        result = kernel(work.problem, work.members, losses, (), options)
        assert result.weights is not None
        return result.weights

    return Program(run)


def _jax(work: Workload, variant: str) -> Program:
    from bench.speed.jax_peer import VARIANTS, compile_variant

    return Program(*compile_variant(work, VARIANTS[variant]))
