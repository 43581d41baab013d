"""Work for the pool's tests; a worker process imports it by name."""

import os
import resource
import signal
from pathlib import Path

from bench.workers.pool import send


def work(job: int) -> int:
    """The square; 13 raises and 666 kills its process."""
    send(job)
    if job == 13:
        raise ValueError("unlucky")
    if job == 666:
        os.kill(os.getpid(), signal.SIGKILL)
    return job * job


def whose(job: int) -> int:
    """The process that works; 666 kills it."""
    if job == 666:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def hoard(job: str) -> int:
    """Out of memory: an allocation is refused, or the system ends the process; else the length."""
    if job == "raise":
        resource.setrlimit(resource.RLIMIT_AS, (2**33, resource.getrlimit(resource.RLIMIT_AS)[1]))
        return len(bytearray(2**40))
    if job == "die":
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel's out-of-memory killer does
    return len(job)


def times_tried(job: tuple[Path, int]) -> int:
    """How often this job was begun, as a file knows; the attempt of that number kills its process.

    job: the file and the number.
    """
    file, fatal = job
    with file.open("ab") as tries:
        tries.write(b"x")
    tried = file.stat().st_size
    if tried == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
    return tried
