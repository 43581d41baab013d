"""Which CUDA device a worker process computes on: one worker for each device."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from bench.workers.processes import default_jobs

ANY = "cuda"
"""The device of an experiment that leaves the choice to its workers: each takes one in turn."""


def cards(device: str) -> list[int]:
    """The numbers of the CUDA devices that an experiment's workers share; none of another device,
    also of one that the experiment names by its number."""
    if device != ANY:
        return []
    import torch

    count = torch.cuda.device_count()
    return alike([torch.cuda.get_device_name(number) for number in range(count)])


def alike(models: Sequence[str]) -> list[int]:
    """Numbers of the devices of the first one's model: others would give other last bits."""
    return [number for number, model in enumerate(models) if model == models[0]]


def card_of(worker: int, shared: Sequence[int]) -> int:
    """The device of a worker, counted from 0, where workers share some."""
    return shared[worker % len(shared)]


def least_used(shared: Sequence[int], used: Iterable[int]) -> int:
    """The device that a further worker takes where some are in use: one may have died."""
    count = Counter(used)
    return min(shared, key=lambda card: count[card])


def default_workers(device: str) -> int:
    """One worker for each CUDA device that is used, otherwise one for each processor."""
    if device.startswith(ANY):
        return max(len(cards(device)), 1)
    return default_jobs()


def number_in(name: object) -> int:
    """The number of a Dask worker among those of its machine, from its name: a local cluster's is a
    number, that of `dask worker --nworkers N --name NAME` ends in one; 0 of an address."""
    if isinstance(name, int):
        return name
    found = re.fullmatch(r"[^:/]*-(\d+)", str(name))
    return int(found[1]) if found else 0


def use_card(card: int) -> None:
    """Compute on this device where a job asks for `cuda`."""
    import torch

    torch.cuda.set_device(card)
