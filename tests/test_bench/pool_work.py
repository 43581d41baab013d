"""Work for the pool's tests; a worker process imports it by name."""

import os
import signal

from bench.pool import send


def work(job: int) -> int:
    """The square; 13 raises and 666 kills its process."""
    send(job)
    if job == 13:
        raise ValueError("unlucky")
    if job == 666:
        os.kill(os.getpid(), signal.SIGKILL)
    return job * job
