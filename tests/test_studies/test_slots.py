"""Slots are claimed and finished once, whoever wants them at the same time."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from uuid import uuid4

import pytest
from test_studies import tiny

from bench.store import schema as tables
from bench.store.store import Store
from studies.optuna_sync import trial_row
from studies.plan import plan
from studies.slots import Claim, Heartbeat, LostSlot, StudySlots, worker_name

A, B = "far:boot:pid/1/a", "far:boot:pid/1/b"
PLAN = plan(tiny.experiment(trials=20))


def row(slot):
    return trial_row("s", slot, slot, {}, None)


def gone_worker():
    """A worker whose process has ended: process numbers do not go so far."""
    machine, _, chance = worker_name().rsplit("/", 2)
    return f"{machine}/{2**22 + 1}/{chance}"


@pytest.fixture
def slots(any_url):
    slots = StudySlots(Store(any_url), "s")
    slots.add_missing(PLAN, 20)
    yield slots
    slots.store.close()


def test_many_claim_at_once_and_each_slot_goes_to_one(slots):
    def claim_all(worker):
        own = []
        # A claim that met another's may come back empty while slots are still open.
        while not all(row["state"] == "claimed" for row in slots.rows()):
            claim = slots.claim(worker, 20)
            if claim:
                own.append(claim.slot)
        return own

    workers = [f"far:boot:pid/1/{uuid4().hex}" for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        claimed = dict(zip(workers, pool.map(claim_all, workers), strict=True))
    assert sorted(chain.from_iterable(claimed.values())) == list(range(20))
    for slot in slots.rows():
        assert slot["slot"] in claimed[slot["worker"]]
    assert slots.claim(B, 20) is None


def test_adding_again_changes_nothing_and_a_larger_total_adds(slots):
    slots.claim(A, 20)
    slots.note(A, 0, {"params": {"x": 1}, "number": 7})
    before = slots.rows()
    slots.add_missing(PLAN, 22)
    assert slots.rows()[:20] == before
    assert len(slots.rows()) == 22
    assert slots.claim(B, 1) is None


def test_a_lost_claim_is_opened_with_its_parameters_and_cannot_be_finished(slots):
    assert slots.claim(A, 20) == Claim(0, None)
    slots.note(A, 0, {"params": {"x": 0.5}, "number": 3})
    assert slots.reopen_lost(grace=60) == []
    assert slots.reopen_lost([A]) == [LostSlot(0, 3, {"x": 0.5}, 1)]
    assert slots.claim(A, 20) == Claim(0, {"x": 0.5})
    assert slots.reopen_lost([A], were_ended=True) == [LostSlot(0, None, {"x": 0.5}, 1)]
    assert slots.claim(B, 20) == Claim(0, {"x": 0.5})
    assert slots.rows()[0]["number"] is None
    assert not slots.note(A, 0, {"number": 9})
    assert not slots.finish(A, 0, row(0), [])
    assert slots.store.rows(tables.trials) == []
    assert slots.finish(B, 0, row(0), [])
    assert not slots.finish(B, 0, row(0), [])
    assert len(slots.store.rows(tables.trials)) == 1


def test_silence_and_death_on_this_machine_lose_a_claim(slots):
    slots.claim(worker_name(), 20)
    slots.claim(gone_worker(), 20)
    slots.claim("elsewhere:boot:pid/1/x", 20)
    lost = [*slots.reopen_lost(grace=60), *slots.reopen_lost(grace=-1)]
    assert [(one.slot, one.deaths) for one in lost] == [(1, 0), (0, 1), (2, 1)]


def test_a_heartbeat_keeps_a_claim(slots):
    slots.claim(A, 20)
    slots.note(A, 0, {"beat": 0.0})
    with Heartbeat(slots, A, 0, seconds=0.01):
        while slots.rows()[0]["beat"] == 0.0:
            pass
    assert slots.reopen_lost(grace=30) == []


def test_the_databases_clock_is_that_of_the_world(slots):
    import time

    slots.claim(A, 20)
    assert abs(slots.rows()[0]["beat"] - time.time()) < 60


def test_a_failed_slot_is_opened_again_on_request(slots):
    slots.claim(A, 20)
    slots.finish(A, 0, row(0), [])
    slots.retry_failed(20)
    assert slots.store.rows(tables.trials) == []
    assert slots.claim(A, 20) == Claim(0, None)
    assert not slots.are_done(20)


def test_a_name_says_where_the_process_is():
    assert f"/{os.getpid()}/" in worker_name()
    assert worker_name() != worker_name()
