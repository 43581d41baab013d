"""Work for the pool's tests; a worker process imports it by name."""

import os
import resource
import signal

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
