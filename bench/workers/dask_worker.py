"""What a Dask worker does with a job that `bench.workers.dask_pool` sends it."""

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

from distributed import get_worker

from bench.catalogue import plugins
from bench.cells.provenance import agreement, machine
from bench.workers.devices import card_of, cards, number_in, use_card
from bench.workers.pool import send_through


class Unfit(Exception):
    """A worker differs from the machine that gives out the work, in what determines results."""


class Answer(NamedTuple):
    """A job's result, or its exception, and the machine that it ran on."""

    result: Any
    error: Exception | None
    machine: dict[str, object]


def answer(
    work: Callable[[Any], Any],
    job: bytes,
    expected: dict[str, str],
    plugin_files: tuple[str, ...],
    topic: str,
) -> Answer:
    """Run a pickled job. Its exception is a result; only a lost worker is an error.

    expected: the `agreement` of the machine that gives out the work; topic: where what the job
    sends is published. Raises Unfit where this worker has other versions.
    """
    import torch

    different = difference(expected)
    if different:
        raise Unfit(f"worker {get_worker().address}: {different}")
    torch.set_num_threads(1)
    shared = cards(expected.get("device", "cpu"))
    if shared:
        use_card(card_of(number_in(get_worker().name), shared))
    plugins.load_files(plugin_files)
    worker = get_worker()
    send_through(lambda message: worker.log_event(topic, pickle.dumps(message)))
    try:
        return Answer(work(pickle.loads(job)), None, machine())
    except Exception as error:
        return Answer(None, _sendable(error), machine())


def difference(expected: dict[str, str]) -> str:
    """What differs at this worker, as one sentence; empty where nothing does."""
    own = agreement(expected.get("device", "cpu"))
    return "; ".join(
        f"{name} is {own.get(name)} there and {value} here; install the same on both"
        for name, value in expected.items()
        if own.get(name) != value
    )


def _sendable(error: Exception) -> Exception:
    """The exception, or one with its text where it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # a class of a user's or a library's may raise anything here
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
