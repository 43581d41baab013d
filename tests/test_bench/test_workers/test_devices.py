"""One worker for each CUDA device: who computes where is a function of numbers and names."""

import multiprocessing

import pytest
import torch

from bench.cells import provenance
from bench.workers import dask_worker, devices, pool
from bench.workers.devices import alike, card_of, cards, default_workers, least_used, number_in


def gpus(monkeypatch: pytest.MonkeyPatch, *models: str) -> list[int]:
    """A machine with these CUDA devices; the list of those that were taken."""
    used: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(models))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: models[number])
    monkeypatch.setattr(torch.cuda, "set_device", used.append)
    return used


def test_workers_take_turns_on_the_devices() -> None:
    assert [card_of(worker, [0, 1, 3]) for worker in range(7)] == [0, 1, 3, 0, 1, 3, 0]


def test_devices_of_another_model_are_left_out() -> None:
    assert alike(["H100", "A100", "H100"]) == [0, 2]
    assert alike([]) == []


def test_a_worker_in_a_dead_ones_place_takes_its_device() -> None:
    assert least_used([0, 1, 2], [0, 2]) == 1
    assert least_used([0, 1, 2], [0, 1, 2]) == 0
    assert least_used([4, 5], [4, 4, 5]) == 5


@pytest.mark.parametrize(
    ("name", "number"),
    [(0, 0), (3, 3), ("box-2", 2), ("big-box-11", 11), ("tcp://10.0.0.1:4-7", 0), ("box", 0)],
)
def test_dask_workers_are_numbered_by_their_names(name: object, number: int) -> None:
    assert number_in(name) == number


def test_the_number_of_workers_follows_the_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, "H100", "H100", "A100")
    assert (cards("cuda"), default_workers("cuda")) == ([0, 1], 2)
    assert (cards("cuda:1"), default_workers("cuda:1")) == ([], 1)
    assert (cards("cpu"), default_workers("cpu")) == ([], devices.default_jobs())
    gpus(monkeypatch)
    assert (cards("cuda"), default_workers("cuda")) == ([], 1)


def test_processes_of_a_pool_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    used = gpus(monkeypatch, "H100", "H100")
    started = multiprocessing.Value("i", 0)
    for _ in range(3):
        pool.take_card(started, (0, 1))
    assert used == [0, 1, 0]


def test_a_dask_worker_computes_on_its_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    used = gpus(monkeypatch, "H100", "H100")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "H100")
    provenance.device_model.cache_clear()
    provenance.agreement.cache_clear()

    class Worker:
        name, address = 1, "tcp://10.0.0.1:1"

    monkeypatch.setattr(dask_worker, "get_worker", Worker)
    monkeypatch.setattr(dask_worker, "send_through", lambda _: None)
    expected = provenance.agreement("cuda")
    given = dask_worker.answer(len, b"\x80\x04]\x94.", expected, (), "topic")
    assert (given.result, used) == (0, [1])
    other = expected | {"device model": "A100"}
    assert dask_worker.difference(other).startswith("device model is H100 there and A100 here")
    provenance.device_model.cache_clear()
    provenance.agreement.cache_clear()
