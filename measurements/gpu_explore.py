"""Ways of compiling the Triton kernel, and whether steps are captured: parts of gpu.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from measurements.gpu_checks import (
    STEPS,
    compared,
    moved,
    on_device,
    some_losses,
    some_problem,
)
from mln.config import LearnerSpec, TrainingSpec
from mln.kernels import analytic, reference, repeated
from mln.rollout import Members, RolloutOptions

if TYPE_CHECKING:
    from measurements.gpu import Run
    from mln.kernels.triton import Build

POPULATION = 16384


class Variant(NamedTuple):
    """A way of compiling, on a case."""

    case: str
    optimizer: str
    loss: str
    build: Build


def variants() -> dict[str, Variant]:
    """What is tried, by name; the first of each case is what is chosen now."""
    from mln.kernels.triton import Build

    builds = {
        "now": Build(),
        "unrolled": Build(unroll=4),
        "unrolled, 4 warps": Build(warps=4, unroll=4),
        "unrolled, 128 registers": Build(unroll=4, registers=128),
        "tf32x3, 4 warps": Build("tf32x3", 4, 4),
        "tf32x3, 8 warps": Build("tf32x3", 8, 4),
    }
    asked = {
        ("b", "sgd", "network"): list(builds),
        ("a", "sgd", "network"): ["now", "unrolled", "tf32x3, 4 warps"],
        ("b", "adam", "adaptive"): ["now", "tf32x3, 4 warps", "tf32x3, 8 warps"],
        ("a", "adam", "network"): ["now", "unrolled, 4 warps"],
    }
    return {
        f"{' '.join(work)}: {name}": Variant(*work, builds[name])
        for work, names in asked.items()
        for name in names
    }


@contextmanager
def built(build: Build) -> Iterator[list[Any]]:
    """The kernel is compiled so within; the programs that ran."""
    from mln.kernels import triton as kernel

    programs: list[Any] = []

    class Told(kernel._Device):
        def train(self, *args: Any) -> Any:
            programs.append(super().train(*args))

    before = kernel.BUILD, kernel._Device
    kernel.BUILD, kernel._Device = build, Told  # type: ignore[misc]
    try:
        yield programs
    finally:
        kernel.BUILD, kernel._Device = before  # type: ignore[misc]


def compile_variant(run: Run, name: str) -> None:
    """Compile a variant; Triton keeps the program in its cache, where the part finds it."""
    from bench.speed import device as timing

    variant = variants()[name]
    work = timing.Work(*variant[:3], 2)
    with built(variant.build):
        timing.measure("triton", work, run.device, 0.0, 2)


def explore(run: Run) -> list[dict[str, Any]]:
    """The speed of every variant, whether it is right, and what the compiler says of it."""
    from bench.speed import device as timing

    rows: list[dict[str, Any]] = []
    run.found["sections"]["explore"] = rows
    steps = 2 if run.rehearsal else None
    most = timing.ceilings(run.device, *((256, 2**20) if run.rehearsal else ()))
    asked = list(variants().items())
    right = {}
    for name, variant in asked[:2] + asked[4:5] if run.rehearsal else asked:
        if run.left() < 12 and not run.rehearsal:
            run.skip(f"explore {name}: out of time")
            continue
        work = timing.Work(*variant[:3], 4 if run.rehearsal else POPULATION)
        with built(variant.build) as programs:
            row = run.attempt(name, partial(timing.measure, "triton", work, run.device, 0.5, steps))
            told = {
                part: getattr(programs[-1], part, None) if programs else None
                for part in ("n_regs", "n_spills")
            }
            if variant.build not in right:
                right[variant.build] = run.attempt(f"{name}: right", partial(_agrees, run))
        if row is None:
            continue
        rate = row.member_steps_per_s
        share = rate / timing.floor_rate(work, most, steps)
        rows.append({"variant": name, "member_steps_per_s": rate, "of floor": share, **told})
        rows[-1] |= {"first call s": row.first_call_seconds, "right": right[variant.build]}
        run.say(str(rows[-1]))
        run.write()
    return rows


def _agrees(run: Run) -> dict[str, Any]:
    """A variant against autograd in float64, on the learner of case b: no further program."""
    training = TrainingSpec(STEPS, 64, optimizer="sgd")
    problem = some_problem(LearnerSpec((64,)), training, (64, 10))
    members = Members(np.array([0, 1, 1]), np.array([0.003, 0.01, 0.05]))
    exact = RolloutOptions(keep_weights=True, dtype=torch.float64)
    losses = some_losses(0, 3, 10, torch.float64)
    expected = reference.rollout(problem, members, losses, [STEPS], exact)
    result = on_device(run, "triton", problem, members, some_losses(0, 3, 10), [STEPS])
    return compared(result, expected, training)


def captured(run: Run) -> list[dict[str, Any]]:
    """How many steps of a training were replayed as a CUDA graph, for each kernel and loss."""
    rows = []
    memories: list[repeated.GraphMemory] = []

    class Counted(repeated.GraphMemory):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            memories.append(self)

    before = analytic.GraphMemory, reference.GraphMemory
    analytic.GraphMemory = reference.GraphMemory = Counted  # type: ignore[misc]
    try:
        for kernel, learner in (
            ("analytic", LearnerSpec((20,))),
            ("reference", LearnerSpec((20,))),
            (
                "reference",
                LearnerSpec(kind="cnn", channels=(3, 4), kernel=3, padding=1, hidden=(5,)),
            ),
        ):
            side = 9 if learner.kind == "cnn" else 0
            problem = some_problem(learner, TrainingSpec(STEPS, 16), (81, 5), side)
            members = Members(np.array([0, 1]), np.array([0.003, 0.01]))
            for loss, name in enumerate(("network", "softplus", "adaptive", "gate", "follows")):
                memories.clear()
                losses = moved(some_losses(loss, 2, 5), run.device)
                run.attempt(
                    f"captured {kernel}, {name}",
                    partial(on_device, run, kernel, problem, members, losses, [STEPS]),
                )
                row: dict[str, Any] = {"kernel": kernel, "learner": learner.kind, "loss": name}
                row["launched"] = sum(memory.launched for memory in memories)
                row["replayed"] = sum(memory.replayed for memory in memories)
                wanted = STEPS - repeated.WARM_UP
                row["captured"] = None if run.rehearsal else row["replayed"] == wanted
                rows.append(row)
                run.say(f"captured: {row}")
    finally:
        analytic.GraphMemory, reference.GraphMemory = before  # type: ignore[misc]
    return rows
