"""Figures drawn by processes of their own, while this one goes on."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from bench.workers.processes import deaf_to_interrupts, default_jobs, end_processes, obey_parent
from reports.figures.style import pdf, svg
from reports.page.model import Picture

MOST_ARTISTS = 2
"""Each takes up to 300 MiB, and with two of them the figures are done soon after the tables."""


class Drawing(NamedTuple):
    """A drawn figure as documents."""

    svg: str
    pdf: bytes


class Here(Executor):
    """Draws at once, in this process."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that is done."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def default_artists() -> int:
    """How many processes draw for the command line."""
    return min(default_jobs(), MOST_ARTISTS)


@contextmanager
def artists(workers: int) -> Iterator[Executor]:
    """So many processes that draw; for one, this process itself.

    The processes begin at once: importing what they draw with takes as long as a few figures.
    A script that asks for several must guard its own work by `if __name__ == "__main__"`.
    """
    if workers < 2:
        yield Here()
        return
    # spawn: forking a process that has used a library's threads may deadlock.
    pool = ProcessPoolExecutor(
        workers,
        get_context("spawn"),
        initializer=obey_parent,
        initargs=("reports.figures.comparison", __name__),
    )
    with deaf_to_interrupts():
        for _ in range(workers):
            pool.submit(os.getpid)
    try:
        yield pool
    except BaseException:
        end_processes(pool, at_once=True)
        raise
    end_processes(pool, at_once=False)


def begin(picture: Picture, executor: Executor) -> "Future[Drawing]":
    """Let a picture be drawn."""
    try:
        return executor.submit(_drawn, picture.draw)
    except BrokenProcessPool:
        return Here().submit(_drawn, picture.draw)


def finish(picture: Picture, future: "Future[Drawing]") -> Drawing:
    """The drawing; made here where a process died over it, as for want of memory."""
    try:
        return future.result()
    except BrokenProcessPool:
        return _drawn(picture.draw)


def _drawn(draw: Callable[[], Figure]) -> Drawing:
    figure = draw()
    return Drawing(svg(figure), pdf(figure))
