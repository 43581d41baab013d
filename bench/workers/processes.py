"""Worker processes: how they start, and that they end with the command that started them."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.process import BaseProcess

TERMINATION_SECONDS = 5.0
"""How long a process may take to end before it is killed."""


def default_jobs() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """Processes that are started within ignore Ctrl-C from their start, before `obey_parent`.

    Ctrl-C reaches the whole process group; the main process alone decides what follows.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def obey_parent(*modules: str) -> None:
    """In a worker process: leave Ctrl-C to the main process, end when that does, and import."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_follow_parent, daemon=True).start()
    for module in modules:
        import_module(module)


def _follow_parent() -> None:
    """End with a main process that was killed: an idle worker would wait for jobs for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def end_processes(executor: ProcessPoolExecutor, *, at_once: bool) -> None:
    """End a pool's processes when they have nothing to do; `at_once` whatever they do."""
    processes = list((executor._processes or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    if at_once:
        end_at_once(processes)


def end_at_once(processes: Collection[BaseProcess]) -> None:
    """End processes whatever they do; one that does not obey is killed."""
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(TERMINATION_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
