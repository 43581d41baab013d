"""Convolutional learners on a device: which way of convolving is right, and which is fast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from measurements.gpu_checks import STEPS, compared, on_device, some_losses, some_problem
from mln.config import LearnerSpec, TrainingSpec
from mln.kernels import networks, reference
from mln.rollout import Members, RolloutOptions

if TYPE_CHECKING:
    from measurements.gpu import Run

WAYS: tuple[tuple[networks.Way, int, int], ...] = (
    ("patches", 64, 8),
    ("patches", 64, 64),
    ("patches", 128, 8),
    ("patches", 256, 8),
    ("patches", 256, 64),
    ("grouped", 64, 8),
)
"""Ways of convolving, members together and pictures in a product, the likeliest first."""

EXPLORED_MEMBERS, MEMBERS = 512, (64, 1024, 4096)
FIELDS = ("DEVICE_WAY", "DEVICE_CNN_GROUP", "DEVICE_PICTURES")


@contextmanager
def convolving(way: networks.Way, group: int, pictures: int) -> Iterator[None]:
    """Learners convolve by this way within; on a CPU too, for a rehearsal."""
    before = reference.network_of
    reference.network_of = lambda problem, *_: networks.Convolutions(  # type: ignore[assignment]
        problem, group, way, pictures
    )
    try:
        yield
    finally:
        reference.network_of = before


def pictures(run: Run) -> dict[str, Any]:
    """Each way against autograd in float64, its speed, and the fastest beside one core."""
    from bench.speed import device as timing
    from bench.speed.on_device import Timing, described, rows

    found: dict[str, Any] = {"ways": [], "rows": []}
    run.found["sections"]["pictures"] = found
    steps = 2 if run.rehearsal else None
    explored = 4 if run.rehearsal else EXPLORED_MEMBERS
    ways = [WAYS[0], WAYS[-1]] if run.rehearsal else WAYS
    for way in ways:
        if run.left() < 45 and not run.rehearsal:
            run.skip(f"pictures by {way}: out of time")
            continue
        group = 2 if run.rehearsal else way[1]
        with convolving(way[0], group, way[2]):
            right = _agrees(run, group)
            work = timing.Work("d", "sgd", "network", explored)
            row = run.attempt(
                f"pictures by {way}",
                partial(timing.measure, "reference", work, run.device, 0.3, steps),
            )
        rate = row.member_steps_per_s if row else None
        found["ways"].append({"way": way, **right, "member_steps_per_s": rate, **_memory(run)})
        run.say(f"pictures by {found['ways'][-1]}")
        run.write()
    usable = [each for each in found["ways"] if each["agrees"] and each["member_steps_per_s"]]
    best = max(usable, key=lambda each: each["member_steps_per_s"])["way"]
    found["chosen"] = dict(zip(FIELDS, best, strict=True))
    run.say(f"fastest: {found['chosen']}")
    with convolving(*best):
        found["where time goes"] = run.attempt("profile", partial(_profile, run, explored, steps))
        populations = (4,) if run.rehearsal else MEMBERS
        how = Timing(run.device, ("reference",), 0.5, 20, 0.5, steps)
        works = timing.works("d", ("sgd", "adam"), populations)
        most = timing.ceilings(run.device, *((256, 2**20) if run.rehearsal else ()))
        for row in rows(works, most, how, run):
            found["rows"].append(asdict(row))
            run.say(described(row))
            run.write()
    return found


def _agrees(run: Run, group: int) -> dict[str, Any]:
    learner = LearnerSpec(kind="cnn", channels=(3, 4), kernel=3, padding=1, hidden=(5,))
    training = TrainingSpec(STEPS, 16, optimizer="sgd")
    problem = some_problem(learner, training, (81, 5), side=9)
    members = Members(np.array([0, 1, 1]), np.array([0.003, 0.01, 0.05]))
    exact = RolloutOptions(keep_weights=True, dtype=torch.float64)
    with convolving("grouped", 2, 8):
        expected = reference.rollout(
            problem, members, some_losses(0, 3, 5, torch.float64), [STEPS], exact
        )
    result = run.attempt(
        f"pictures, groups of {group}",
        lambda: on_device(run, "reference", problem, members, some_losses(0, 3, 5), [STEPS]),
    )
    return {"agrees": False} if result is None else compared(result, expected, training)


def _memory(run: Run) -> dict[str, float]:
    """The most memory that was in use since the last call, in GB."""
    if not run.device.startswith("cuda"):
        return {}
    most = torch.cuda.max_memory_allocated(run.device) / 1e9
    torch.cuda.reset_peak_memory_stats(run.device)
    return {"memory GB": most}


def _profile(run: Run, members: int, steps: int | None) -> list[dict[str, Any]]:
    """The kernels of a training that take the most time, and how often each ran."""
    from torch.profiler import ProfilerActivity, profile

    from bench.speed import device as timing

    work = timing.Work("d", "sgd", "network", members)
    train = timing.runner("reference", work, timing.make(work, steps or 8), run.device)
    train()
    on_cuda = run.device.startswith("cuda")
    activity = ProfilerActivity.CUDA if on_cuda else ProfilerActivity.CPU
    with profile(activities=[activity]) as seen:
        train()
    field = "self_device_time_total" if on_cuda else "self_cpu_time_total"
    events = sorted(seen.key_averages(), key=lambda event: -getattr(event, field, 0))
    total = sum(getattr(event, field, 0) for event in events) or 1
    return [
        {"kernel": event.key[:90], "count": event.count, "share": getattr(event, field) / total}
        for event in events[:16]
    ]
