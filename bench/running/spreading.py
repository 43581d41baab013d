"""Work that is cut up so that no worker is idle: evolution runs, and the learners of a job."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.cells.training import TrainingJob
from bench.running.evolution import EvolutionJob, EvolutionProgress, Evolved, evolve_job
from bench.workers.pool import Finished, Pool, send_through

if TYPE_CHECKING:
    from mln.pieces import Piece, Trained


def evolve_all(
    pool: Pool, jobs: Sequence[EvolutionJob], on_progress: Callable[[EvolutionProgress], None]
) -> Iterator[Finished[EvolutionJob, Evolved]]:
    """Evolve each job: one worker each, or all workers on the rollouts of each generation.

    The second where there are fewer runs than workers; no bit of a result depends on it. A GPU
    gets whole generations: parts of one would leave it idle.
    """
    if len(jobs) >= pool.workers or any(job.device != "cpu" for job in jobs):
        yield from pool.run(evolve_job, jobs, on_progress)
    else:
        yield from evolve_spread(pool, jobs, on_progress)


def evolve_spread(
    pool: Pool, jobs: Sequence[EvolutionJob], on_progress: Callable[[EvolutionProgress], None]
) -> Iterator[Finished[EvolutionJob, Evolved]]:
    """Each run goes on in a thread of this process and gives its rollouts to the pool."""
    events: SimpleQueue[Any] = SimpleQueue()

    def evolve_here(job: EvolutionJob) -> None:
        import torch

        torch.set_num_threads(1)
        send_through(events.put)
        try:
            events.put(Finished(job, evolve_job(job, Spread(pool)), None))
        except Exception as error:
            events.put(Finished(job, None, error))

    for job in jobs:
        # A daemon: an interrupt ends the pool, and with it the work that a thread waits for.
        threading.Thread(target=evolve_here, args=(job,), daemon=True).start()
    left = len(jobs)
    while left:
        event = events.get()
        if isinstance(event, Finished):
            left -= 1
            yield event
        else:
            on_progress(event)


class Numbered(NamedTuple):
    """A piece of a generation, and its place."""

    number: int
    piece: "Piece"
    work: "Callable[[Piece], Trained]"


class Spread:
    """`mln.pieces.Map` on a pool: the results in the order of the pieces.

    Raises what a piece raised, or `WorkerDied`.
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    def __call__(
        self, work: "Callable[[Piece], Trained]", pieces: "Iterable[Piece]"
    ) -> "Iterator[Trained]":
        """Work on all pieces; return when the last one is done."""
        jobs = [Numbered(number, piece, work) for number, piece in enumerate(pieces)]
        results: dict[int, Trained] = {}
        for finished in self.pool.run(_work, jobs):
            if finished.error is not None:
                raise finished.error
            results[finished.job.number] = finished.result  # type: ignore[assignment]
        return iter([results[job.number] for job in jobs])


def _work(job: Numbered) -> "Trained":
    return job.work(job.piece)


MAX_MEMBER_STEPS = 100_000
"""Work of one job: what a kill loses at most is some seconds of it."""
MODULE_STEPS = 100
"""What a step of a torch module counts as on a CPU: it takes a hundred times as long."""
DEVICE_MEMBER_STEPS = 1_000_000
"""Work of one job on a GPU, which trains many learners as one: few of them would leave it idle."""


def in_parts(jobs: Sequence[TrainingJob], workers: int) -> list[TrainingJob]:
    """The jobs, divided between their seeds where one is long or there are too few for all workers.

    All learners of a seed stay together, since they share its task.
    """
    if not jobs:
        return []
    least = -(-workers // len(jobs))
    return [part for job in jobs for part in _parts(job, max(least, _fewest_parts(job)))]


def _fewest_parts(job: TrainingJob) -> int:
    """Into how many parts the length of a job divides it."""
    if job.device != "cpu":
        return -(-job.member_steps // DEVICE_MEMBER_STEPS)
    each = MODULE_STEPS if job.learner.kind == "module" else 1
    return -(-job.member_steps * each // MAX_MEMBER_STEPS)


def _parts(job: TrainingJob, parts: int) -> Iterator[TrainingJob]:
    seeds = sorted({member.seed for member in job.members})
    parts = min(parts, len(seeds))
    for part in range(parts):
        own = set(seeds[part::parts])
        yield replace(job, members=tuple(m for m in job.members if m.seed in own))
