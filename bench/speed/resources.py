"""What else speed depends on: worker processes side by side, and the memory of many learners."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from statistics import median

from bench.speed.cases import CASES, Case, Workload, workload
from bench.workers.pool import WorkerPool

MEMORY_TARGET = 500
"""MiB above the imported libraries."""

LARGE = {"a": (4096, 32), "c": (256, 8)}
"""Learners that are trained at once, and the tasks that they are spread over."""

IMPORTED = ("torch", "sklearn.datasets", "mln.kernels.engine", "mln.losses", "mln.kernels.fused")
LARGE_STEPS = 150
JOBS_PER_WORKER = 4


def worker_rows(
    cases: Mapping[str, Case], workers: int, repeats: int, seconds: float
) -> list[dict[str, object]]:
    """Member-steps per second of one worker process and of several, on the same jobs, in turn.

    The workers take the jobs one by one from a common queue, as those of a run do, and train with
    the fastest kernel. seconds: about how long a job takes.
    """
    rows: list[dict[str, object]] = []
    with WorkerPool(1) as one, WorkerPool(workers) as many:
        for letter, case in cases.items():
            rollouts = _rollouts_per_job(one, case, seconds)
            jobs = [(case, rollouts)] * (JOBS_PER_WORKER * workers)
            work = len(jobs) * rollouts * case.members * case.steps
            for pool in (one, many):  # every worker is started and has its workload
                _seconds(pool, jobs)
            rates: dict[int, list[float]] = {1: [], workers: []}
            for _ in range(repeats):
                for count, pool in ((1, one), (workers, many)):
                    rates[count].append(work / _seconds(pool, jobs))
            alone, together = median(rates[1]), median(rates[workers])
            rows.append(
                {
                    "case": letter,
                    "workers": workers,
                    "one_worker_member_steps_per_s": alone,
                    "member_steps_per_s": together,
                    "ratio": together / alone,
                    "kernel": _kernel_name(case),
                }
            )
    return rows


def train_job(job: tuple[Case, int]) -> float:
    """Some rollouts of a case; the seconds of the last one."""
    case, rollouts = job
    work = _workload(case)
    spent = 0.0
    for _ in range(rollouts):
        began = time.perf_counter()
        _train(work)
        spent = time.perf_counter() - began
    return spent


def _rollouts_per_job(pool: WorkerPool, case: Case, seconds: float) -> int:
    spent = [done.result for done in pool.run(train_job, [(case, 3)])]
    return max(1, round(seconds / (spent[0] or seconds)))


def _seconds(pool: WorkerPool, jobs: list[tuple[Case, int]]) -> float:
    began = time.perf_counter()
    for done in pool.run(train_job, jobs):
        if done.error is not None:
            raise done.error
    return time.perf_counter() - began


@lru_cache(maxsize=1)
def _workload(case: Case) -> Workload:
    return workload(case, "sgd")


def _train(work: Workload) -> None:
    import torch

    from mln.kernels import engine
    from mln.losses.meta import stacked_from_genomes

    losses = stacked_from_genomes(work.loss, torch.from_numpy(work.genomes), work.problem.classes)
    engine.rollout(work.problem, work.members, losses, [work.problem.training.steps])


def _kernel_name(case: Case) -> str:
    from mln.kernels import engine

    return engine.choose(case.learner, case.loss, "cpu")


def memory_rows() -> list[dict[str, object]]:
    """Peak memory of each population in LARGE, each in a fresh process."""
    rows = []
    for letter in LARGE:
        command = [sys.executable, "-m", "bench.speed.resources", letter]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout))
    return rows


def large(letter: str) -> Case:
    """A case with the members of LARGE."""
    return replace(CASES[letter], members=LARGE[letter][0], steps=LARGE_STEPS)


def memory_row(letter: str) -> dict[str, object]:
    """Train a large population in this process, and see what that took above what was imported.

    Everything counts but the imports: data, tasks, minibatches, losses, the libraries' buffers.
    """
    for name in IMPORTED:
        import_module(name)
    before = _resident_bytes()
    _forget_peak()
    case, tasks = large(letter), LARGE[letter][1]
    began = time.perf_counter()
    _train(workload(case, "sgd", tasks))
    spent = time.perf_counter() - began
    return {
        "case": letter,
        "learners": case.members,
        "tasks": tasks,
        "steps": case.steps,
        "imported_mib": before / 2**20,
        "peak_above_mib": (_peak_bytes() - before) / 2**20,
        "seconds": spent,
        "kernel": _kernel_name(case),
    }


def _resident_bytes() -> int:
    """Memory resident now; where /proc is missing, the peak so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return _peak_bytes()
    return pages * resource.getpagesize()


def _forget_peak() -> None:
    """Reset the kernel's record of the peak; without one the peak reported is too high."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_bytes() -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        kib = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
        return int(kib) * 1024
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(json.dumps(memory_row(sys.argv[1])))
