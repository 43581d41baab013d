"""The slots of a study: who works on which, so that each one that is required finishes once.

A slot is claimed, and finished, by one conditional statement: of two workers that want the same,
one gets it, on SQLite as on PostgreSQL. Optuna's own heartbeat cannot stand in for `beat`: it
knows no slots, and a trial that dies before its first heartbeat stays RUNNING for ever.
"""

import os
import socket
import threading
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import uuid4

from sqlalchemy import Connection, and_, func, insert, literal_column, or_, select, update
from sqlalchemy.exc import DBAPIError

from bench.store import schema as tables
from bench.store.store import Row, Store
from studies.outcome import Params
from studies.plan import StudyPlan

BEAT_SECONDS = 5.0
GRACE_SECONDS = 60.0
"""Seconds after its last heartbeat at which a worker counts as lost. A worker that was only paused
loses its claim, and what it then finishes is discarded."""

MAX_DEATHS = 3
"""Workers that may be lost with a slot before it counts as failed."""


class Claim(NamedTuple):
    """A slot that a worker works on; params where they are known."""

    slot: int
    params: Params | None


class LostSlot(NamedTuple):
    """A slot whose worker was lost, the trial that it had begun, if any, and its parameters."""

    slot: int
    number: int | None
    params: Params | None
    deaths: int


class StudySlots:
    """The slots of one study in the store."""

    def __init__(self, store: Store, study: str) -> None:
        self.store, self.study = store, study
        self._table = tables.slots
        self._mine = self._table.c.study == study
        is_sqlite = store.engine.dialect.name == "sqlite"
        # The database's clock: those of several machines differ.
        self._now: Any = (
            literal_column("(julianday('now') - 2440587.5) * 86400.0")
            if is_sqlite
            else func.extract("epoch", func.clock_timestamp())
        )

    def add_missing(self, plan: StudyPlan, total: int) -> None:
        """Add those of slots 0..total-1 that are missing; the others keep what they have."""
        rows = [
            {
                "study": self.study,
                "slot": slot,
                "state": "open",
                "origin": plan.known[slot].origin if slot < len(plan.known) else "sampler",
                "params": plan.known[slot].params if slot < len(plan.known) else None,
                "worker": None,
                "number": None,
                "beat": None,
                "deaths": 0,
            }
            for slot in range(total)
        ]
        self.store.put(self._table, rows)

    def claim(self, worker: str, total: int) -> Claim | None:
        """The first open slot below `total`, now this worker's; None if there is none."""
        table = self._table
        first = (
            select(table.c.slot)
            .where(self._mine, table.c.state == "open", table.c.slot < total)
            .order_by(table.c.slot)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        statement = (
            update(table)
            .where(self._mine, table.c.slot == first, table.c.state == "open")
            .values(state="claimed", worker=worker, number=None, beat=self._now)
            .returning(table.c.slot, table.c.params)
        )
        with self.store.transaction() as connection:
            row = connection.execute(statement).first()
        return Claim(row.slot, row.params) if row else None

    def note(self, worker: str, slot: int, values: Mapping[str, Any]) -> bool:
        """Write the trial's number or parameters to a claim; whether it is still this worker's."""
        statement = update(self._table).where(self._held(worker, slot)).values(**values)
        with self.store.transaction() as connection:
            return bool(connection.execute(statement).rowcount)

    def beat(self, worker: str, slot: int) -> None:
        """Note that the worker is alive."""
        self.note(worker, slot, {"beat": self._now})

    def finish(self, worker: str, slot: int, trial: Row, gains: Sequence[Row]) -> bool:
        """Finish a claimed slot with its row of mln_trials and those of mln_gains, all or none.

        False if the claim was lost: then nothing is written.
        """
        with self.store.transaction() as connection:
            done = connection.execute(
                update(self._table).where(self._held(worker, slot)).values(state="done")
            )
            if not done.rowcount:
                return False
            self._write(connection, slot, trial, gains)
        return True

    def reopen_lost(
        self,
        workers: Collection[str] = (),
        grace: float = GRACE_SECONDS,
        *,
        were_ended: bool = False,
    ) -> list[LostSlot]:
        """Open the slots again whose worker is lost, with their parameters.

        That is one of `workers`, one whose process on this machine has ended, or one that has sent
        no heartbeat for `grace` seconds.

        The caller fails a slot that has cost MAX_DEATHS workers. Workers that were ended on
        purpose, or with the process that had started them, do not count.
        """
        table = self._table
        statement = select(table.c.slot, table.c.worker).where(
            self._mine, table.c.state == "claimed"
        )
        with self.store.engine.connect() as connection:
            claimed = connection.execute(statement).all()
        gone = [row.worker for row in claimed if row.worker in workers or _is_gone(row.worker)]
        lost = []
        for row in claimed:
            dead = and_(table.c.worker == row.worker, table.c.worker.in_(gone))
            is_its_fault = not were_ended if row.worker in workers else row.worker not in gone
            reopen = (
                update(table)
                .where(
                    self._mine,
                    table.c.slot == row.slot,
                    table.c.state == "claimed",
                    or_(dead, table.c.beat < self._now - grace),
                )
                .values(state="open", worker=None, deaths=table.c.deaths + int(is_its_fault))
                .returning(table.c.slot, table.c.number, table.c.params, table.c.deaths)
            )
            with self.store.transaction() as connection:
                reopened = connection.execute(reopen).first()
            if reopened:
                lost.append(LostSlot(*reopened))
        return lost

    def give_up(self, slot: int, trial: Row) -> None:
        """Finish an open slot as failed."""
        open_ = and_(self._mine, self._table.c.slot == slot, self._table.c.state == "open")
        with self.store.transaction() as connection:
            if connection.execute(update(self._table).where(open_).values(state="done")).rowcount:
                self._write(connection, slot, trial, [])

    def retry_failed(self, total: int) -> None:
        """Open the failed slots below `total` again."""
        failed = select(tables.trials.c.slot).where(
            tables.trials.c.study == self.study,
            tables.trials.c.state == "fail",
            tables.trials.c.slot < total,
        )
        with self.store.transaction() as connection:
            slots = list(connection.execute(failed).scalars())
            where = (self._table.c.slot.in_(slots), self._table.c.state == "done")
            opened = update(self._table).where(self._mine, *where)
            connection.execute(opened.values(state="open", deaths=0, worker=None))
            connection.execute(
                tables.trials.delete().where(
                    tables.trials.c.study == self.study, tables.trials.c.slot.in_(slots)
                )
            )

    def rows(self, total: int | None = None) -> list[Row]:
        """The slots in order, those below `total` if it is given."""
        rows = self.store.rows(self._table, study=self.study)
        return [row for row in rows if total is None or row["slot"] < total]

    def are_done(self, total: int) -> bool:
        """Whether slots 0..total-1 are all done."""
        table = self._table
        statement = select(func.count()).where(
            self._mine, table.c.slot < total, table.c.state != "done"
        )
        with self.store.engine.connect() as connection:
            return not connection.execute(statement).scalar()

    def finished(self, numbers: Collection[int]) -> list[Row]:
        """The rows of mln_trials of those of Optuna's trials that finished a slot."""
        table = tables.trials
        statement = select(table).where(table.c.study == self.study, table.c.number.in_(numbers))
        with self.store.engine.connect() as connection:
            return [dict(row) for row in connection.execute(statement).mappings()]

    def _held(self, worker: str, slot: int) -> Any:
        table = self._table
        own = (table.c.slot == slot, table.c.state == "claimed", table.c.worker == worker)
        return and_(self._mine, *own)

    def _write(self, connection: Connection, slot: int, trial: Row, gains: Sequence[Row]) -> None:
        connection.execute(insert(tables.trials).values(trial))
        table = tables.gains
        # What an earlier, failed attempt may have left.
        connection.execute(table.delete().where(table.c.study == self.study, table.c.slot == slot))
        if gains:
            connection.execute(insert(table), list(gains))


class Heartbeat:
    """The heartbeat of a claimed slot, in a thread of its own while its trial runs."""

    def __init__(
        self, slots: StudySlots, worker: str, slot: int, seconds: float = BEAT_SECONDS
    ) -> None:
        self._ended = threading.Event()

        def beat() -> None:
            while not self._ended.wait(seconds):
                try:
                    slots.beat(worker, slot)
                except DBAPIError:
                    continue  # a busy or restarting database; the grace is longer than that

        self._thread = threading.Thread(target=beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()


def worker_name() -> str:
    """A name for a worker that lives no longer than this process, unique for all time."""
    return f"{_machine()}/{os.getpid()}/{uuid4().hex[:8]}"


def _machine() -> str:
    """This machine, boot and process namespace: within it a process number names one process."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{socket.gethostname()}:{boot}:{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return f"{socket.gethostname()}:?"


def _is_gone(worker: str) -> bool:
    """Whether the worker was a process of this machine that is no more. False if in doubt."""
    machine, pid, _ = worker.rsplit("/", 2)
    if machine != _machine() or machine.endswith(":?"):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
