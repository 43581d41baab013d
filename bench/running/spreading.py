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

    The second where there are fewer runs than workers; no bit of a result depends on it.
    """
    if len(jobs) >= pool.workers:
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


def shares(jobs: Sequence[TrainingJob], workers: int) -> list[TrainingJob]:
    """The jobs, their learners divided where there would be fewer jobs than workers."""
    if not jobs:
        return []
    parts = -(-workers // len(jobs))
    return [
        replace(job, members=job.members[start::parts])
        for job in jobs
        for start in range(min(parts, len(job.members)))
    ]
