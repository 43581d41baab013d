"""Figures drawn by processes of their own, while this one goes on."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from bench.workers.processes import default_jobs, end_processes, ignoring_interrupts, obey_parent
from reports.figures import comparison
from reports.figures.style import pdf, svg
from reports.page.model import Picture

MAX_DRAWING_PROCESSES = 2
"""Each takes up to 300 MiB, and with two of them the figures are done soon after the tables."""


class Drawing(NamedTuple):
    """A drawn figure as documents."""

    svg: str
    pdf: bytes


class SameProcess(Executor):
    """Draws at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that is done; raises what `fn` raises."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def default_drawing_processes() -> int:
    """How many processes draw for the command line."""
    return min(default_jobs(), MAX_DRAWING_PROCESSES)


@contextmanager
def drawing_processes(workers: int) -> Iterator[Executor]:
    """An executor of so many processes that draw; for one, this process itself.

    The processes begin at once: importing what they draw with takes as long as a few figures.
    A script that asks for several must guard its own work by `if __name__ == "__main__"`.
    """
    if workers < 2:
        yield SameProcess()
        return
    # spawn: forking a process that has used a library's threads may deadlock.
    pool = ProcessPoolExecutor(
        workers,
        get_context("spawn"),
        initializer=obey_parent,
        initargs=(comparison.__name__, __name__),
    )
    with ignoring_interrupts():
        for _ in range(workers):
            pool.submit(os.getpid)
    try:
        yield pool
    except BaseException:
        end_processes(pool, at_once=True)
        raise
    end_processes(pool, at_once=False)


def begin(picture: Picture, executor: Executor) -> "Future[Drawing]":
    """Let a picture be drawn; by this process where all of the executor's have died."""
    try:
        return executor.submit(_drawn, picture.draw)
    except BrokenProcessPool:
        return SameProcess().submit(_drawn, picture.draw)


def finish(picture: Picture, future: "Future[Drawing]") -> Drawing:
    """The drawing; made in this process where another died over it, as for want of memory.

    Raises what the drawing function raises.
    """
    try:
        return future.result()
    except BrokenProcessPool:
        return _drawn(picture.draw)


def _drawn(draw: Callable[[], Figure]) -> Drawing:
    figure = draw()
    return Drawing(svg(figure), pdf(figure))
