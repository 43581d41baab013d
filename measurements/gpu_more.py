"""Evolution on a device, and JAX on it: parts of measurements/gpu.py."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from measurements.gpu import Run

ROOT = Path(__file__).resolve().parents[1]
JAX_SECONDS = 60


def jax(run: Run) -> dict[str, Any]:
    """The same training by JAX, in a process of its own that may take JAX_SECONDS."""
    if find_spec("jax") is None:
        run.skip("jax is not installed")
        return {}
    rates = {}
    for case in "ab":
        command = [
            sys.executable,
            str(ROOT / "measurements/gpu.py"),
            "--jax",
            case,
            "--device",
            run.device,
            "--out",
            ".",
        ]
        limit = min(JAX_SECONDS, run.left() - 5)
        if limit < 10:
            run.skip(f"jax on case {case}: out of time")
            continue
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            run.skip(f"jax on case {case}: more than {limit:.0f} s")
            continue
        if done.returncode:
            run.found["errors"][f"jax {case}"] = done.stderr[-2000:]
            run.say(f"jax on case {case} failed: {done.stderr.strip().splitlines()[-1:]}")
            continue
        rates[case] = json.loads(done.stdout.splitlines()[-1])
        run.say(f"jax on case {case}: {rates[case]}")
    return rates


def jax_child(case: str, rehearsal: bool) -> None:
    """Time JAX's one program for all members, and print the result."""
    from bench.speed import device as timing
    from bench.speed.jax_peer import VARIANTS, compile_variant

    population = 4 if rehearsal else timing.PEER_POPULATION
    made = timing.make(timing.Work(case, "sgd", "network", population), 2 if rehearsal else None)
    began = time.perf_counter()
    run = compile_variant(made, VARIANTS["scan(vmap(grad))"]).run
    run()
    first = time.perf_counter() - began
    calls = []
    for _ in range(3):
        began = time.perf_counter()
        run()
        calls.append(time.perf_counter() - began)
    import jax

    rate = made.member_steps / sorted(calls)[1]
    print(
        json.dumps(
            {
                "member_steps_per_s": rate,
                "population": population,
                "first_call_seconds": first,
                "devices": str(jax.devices()),
            }
        )
    )


def evolution(run: Run) -> list[dict[str, Any]]:
    """The demo's evolution on the device, and a part of it on one core."""
    import torch
    from numpy.random import SeedSequence

    from bench.experiment.model import load
    from bench.tasks.resolve import mixture
    from mln.evolution import Execution, evolve

    section = load("demo").evolution
    assert section is not None
    whole = section.settings
    part = replace(whole, budget=3 * whole.generation_cost)
    tiny = replace(
        whole,
        population=4,
        tasks_per_generation=2,
        training=replace(whole.training, steps=2),
        genetic=replace(whole.genetic, elites=1),
        budget=4 * 20,
    )
    torch.set_num_threads(1)
    plans = (
        [("cpu", "analytic", tiny)]
        if run.rehearsal
        else [
            (run.device, "auto", part),
            (run.device, "auto", whole),
            ("cpu", "auto", part),
        ]
    )
    rows = []
    for device, kernel, config in plans:
        if run.left() < 10:
            run.skip(f"evolution on {device}: out of time")
            continue
        source = mixture(section.families)
        began = time.perf_counter()
        result = evolve(
            section.loss, config, source, SeedSequence(1), Execution(device=device, kernel=kernel)
        )
        seconds = time.perf_counter() - began
        rows.append(
            {
                "device": device,
                "member_steps": result.member_steps,
                "generations": len(result.history),
                "seconds": seconds,
                "member_steps_per_s": result.member_steps / seconds,
            }
        )
        run.say(f"evolution: {rows[-1]}")
    return rows
