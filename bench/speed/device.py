"""How fast a device trains populations, beside one core's fastest kernel on the same machine."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import SeedSequence

from bench.speed.cases import CASES, TIMED_LOSS, Case, Workload, flops, workload
from mln.config import STATE_FEATURES, LossSpec
from mln.kernels import engine
from mln.layout import layout
from mln.losses.meta import stacked_from_genomes
from mln.random import generator
from mln.rollout import RolloutOptions

POPULATIONS = (64, 1024, 16384)
LOSSES = {
    "network": TIMED_LOSS,
    "adaptive": LossSpec(kind="adaptive", state=STATE_FEATURES),
    "gate": LossSpec(head="gate", state=STATE_FEATURES),
}
"""A network without a state, and the losses that follow the state of training."""

MATRIX_SIZE, COPIED_BYTES = 8192, 2**31
PEER_POPULATION = 1024
"""torch.func keeps all members' activations: larger populations are left out."""


class Work(NamedTuple):
    """What is timed: a case of P members under a loss."""

    case: str
    optimizer: str
    loss: str
    population: int


class Ceilings(NamedTuple):
    """What a device does at most: float32 operations, and bytes read and written, per second."""

    flops: float
    bytes: float


@dataclass(frozen=True)
class DeviceRow:
    """The speed of one design on one work: the median of some calls, after one that is not counted.

    ratio_to_core: to one core's fastest kernel. share_of_floor: the least time that the learners'
    matrix products and the weights' way through memory take at the device's ceilings, over the
    time taken. first_call_seconds: with all compilation.
    """

    case: str
    optimizer: str
    loss: str
    design: str
    population: int
    member_steps_per_s: float
    first_call_seconds: float
    ratio_to_core: float | None = None
    share_of_floor: float | None = None


def works(
    cases: Sequence[str], optimizers: Sequence[str], populations: Sequence[int]
) -> Iterator[Work]:
    """All works: each case under a network, and case b also under losses that follow the state."""
    for case in cases:
        for optimizer in optimizers:
            for loss in LOSSES if case == "b" and optimizer == optimizers[-1] else ("network",):
                for population in populations:
                    yield Work(case, optimizer, loss, population)


def make(work: Work, steps: int | None = None) -> Workload:
    """The members of a work, for another number of steps than its case's where one is given."""
    case = CASES[work.case]
    sized: Case = replace(case, members=work.population, steps=steps or case.steps)
    made = workload(sized, work.optimizer)
    if work.loss == "network":
        return made
    spec = LOSSES[work.loss]
    genomes = generator(SeedSequence(0), 3).standard_normal((work.population, layout(spec).size))
    return made._replace(genomes=(0.2 * genomes).astype(np.float32))


def steps_of(work: Work) -> int:
    """Steps of a training."""
    return CASES[work.case].steps


def designs(work: Work, device: str, interpreted: bool = False) -> list[str]:
    """What can train a work on a device: kernels by their names, and torch.func.

    interpreted: whether Triton's interpreter stands for a GPU.
    """
    learner, spec = CASES[work.case].learner, LOSSES[work.loss]
    names: list[str] = []
    for kernel in engine.KERNELS:
        if kernel == "reference" and learner.kind == "mlp":
            continue
        asked = "cuda" if interpreted and kernel == "triton" else device
        if engine.obstacle(kernel, learner, spec, asked) is None:
            names.append(kernel)
    if work.case == "c" and "triton" in names:
        names.remove("triton")  # its first layer is too wide: analytic trains it
    if work.loss == "network" and learner.kind == "mlp" and work.population <= PEER_POPULATION:
        names.append("torch.func")
    return names


def runner(design: str, work: Work, made: Workload, device: str) -> Callable[[], object]:
    """A call that trains all members, and ends when the device has."""
    if design == "torch.func":
        from bench.speed.torch_peers import vmapped

        return vmapped(made, device)
    kernel = engine.get(next(name for name in engine.KERNELS if name == design))
    genomes = torch.from_numpy(made.genomes).to(device)
    losses = stacked_from_genomes(LOSSES[work.loss], genomes, made.problem.classes)
    options = RolloutOptions(device)
    return lambda: kernel(made.problem, made.members, losses, (), options)


def measure(
    design: str, work: Work, device: str, seconds: float, steps: int | None = None
) -> DeviceRow:
    """Time a design: one call, then for `seconds`, at least once and at most 5 times."""
    made = make(work, steps)
    run = runner(design, work, made, device)
    began = time.perf_counter()
    run()
    first = time.perf_counter() - began
    calls: list[float] = []
    while not calls or (sum(calls) < seconds and len(calls) < 5):
        began = time.perf_counter()
        run()
        calls.append(time.perf_counter() - began)
    rate = made.member_steps / median(calls)
    return DeviceRow(*work[:3], design, work.population, rate, first)


def core(work: Work, seconds: float, steps: int | None = None) -> DeviceRow:
    """One core's fastest kernel on the case's own number of members."""
    case = CASES[work.case]
    kernel = engine.choose(case.learner, LOSSES[work.loss], "cpu")
    own = work._replace(population=min(case.members, max(work.population, 2)))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return replace(measure(kernel, own, "cpu", seconds, steps), design=f"{kernel}, one core")
    finally:
        torch.set_num_threads(before)


def ceilings(device: str, size: int = MATRIX_SIZE, copied: int = COPIED_BYTES) -> Ceilings:
    """Measure a device: a large float32 product without TF32, and a large copy."""
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    rate = 2.0 * size**3 / _seconds(lambda: a @ b, device)
    source = torch.randn(copied // 4, device=device)
    target = torch.empty_like(source)
    return Ceilings(rate, 2.0 * copied / _seconds(lambda: target.copy_(source), device))


def floor_rate(work: Work, most: Ceilings, steps: int | None = None) -> float:
    """Member-steps per second that nothing on the device exceeds."""
    made = make(work._replace(population=2), steps)
    training = made.problem.training
    # Each weight is read and written once in a training, each row of a minibatch named once.
    moved: float = 8 * made.problem.initial.shape[1] / training.steps
    return 1 / max(flops(made.problem) / most.flops, moved / most.bytes)


def name_of(device: str) -> str:
    """A device's model."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def _seconds(call: Callable[[], object], device: str, repeats: int = 5) -> float:
    """Median time of a call."""
    times = []
    for number in range(repeats + 1):
        _wait(device)
        began = time.perf_counter()
        call()
        _wait(device)
        if number:
            times.append(time.perf_counter() - began)
    return median(times)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
