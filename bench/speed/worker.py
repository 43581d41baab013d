"""What the worker process of one design does: it makes the design, and times rounds of it."""

import os
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.speed.cases import Case, Workload, flops, workload

T = TypeVar("T")

PEAK_SIZE, PEAK_CALLS = 1536, 3
KEPT_VARIANTS = 2
SCREENING_CALLS = 3


class SpeedJob(NamedTuple):
    """A design on a case. seconds: a round repeats the rollout for about so long."""

    design: str
    case: Case
    optimizer: str
    seconds: float


class MadeVariant(NamedTuple):
    """A variant of a design: the time of its first call (and of its compilation before), the
    shortest of some calls, and the weights [P, W] that it trains."""

    first_call_seconds: float
    compile_seconds: float
    call_seconds: float
    weights: NDArray[np.float32]


class Prepared(NamedTuple):
    """The variants of a design, or why it cannot be had; what a member-step costs."""

    made: dict[str, MadeVariant]
    obstacle: str | None = None
    flops: int = 0


class _Ready(NamedTuple):
    job: SpeedJob
    work: Workload
    runs: dict[str, Callable[[], NDArray[np.float32]]]
    calls: dict[str, int]


_ready: _Ready | None = None


def prepare(job: SpeedJob) -> Prepared:
    """Make every variant of a design and run it; keep the fastest two for the rounds."""
    global _ready
    from bench.speed.designs import DesignUnavailable, programs

    pin()
    work = workload(job.case, job.optimizer)
    try:
        makers = programs(job.design, work)
    except DesignUnavailable as error:
        return Prepared({}, str(error))
    made, runs = {}, {}
    for name, make in makers.items():
        program = make()
        first, weights = timed(program.run)
        again = [timed(program.run)[0] for _ in range(SCREENING_CALLS if first < 1 else 0)]
        made[name] = MadeVariant(first, program.compile_seconds, min([first, *again]), weights)
        runs[name] = program.run
    kept = sorted(made, key=lambda name: made[name].call_seconds)[:KEPT_VARIANTS]
    calls = {name: max(1, round(job.seconds / made[name].call_seconds)) for name in kept}
    _ready = _Ready(job, work, {name: runs[name] for name in kept}, calls)
    return Prepared(made, flops=flops(work.problem))


def measure(job: SpeedJob) -> dict[str, float]:
    """One round: member-steps per second of processor time of the kept variants.

    Where nothing else runs, that is the time that passes; where something does, its share of the
    processor is not counted. Threads of a design are.
    """
    if _ready is None or _ready.job != job:
        prepare(job)
    assert _ready is not None
    rates = {}
    for name, run in _ready.runs.items():
        began = time.process_time()
        for _ in range(_ready.calls[name]):
            run()
        spent = time.process_time() - began
        rates[name] = _ready.calls[name] * _ready.work.member_steps / spent
    return rates


def sgemm_peak(size: int = PEAK_SIZE) -> float:
    """Operations per second of processor time of torch.mm on two square float32 matrices."""
    import torch

    pin()
    a, b = torch.ones(size, size), torch.ones(size, size)
    torch.mm(a, b)
    began = time.process_time()
    for _ in range(PEAK_CALLS):
        torch.mm(a, b)
    return 2.0 * size**3 * PEAK_CALLS / (time.process_time() - began)


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """Seconds of processor time that a call takes, and what it returns."""
    began = time.process_time()
    result = call()
    return time.process_time() - began, result


def pin() -> None:
    """Stay on one processor, the last one: a design that starts threads gains nothing by them."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
