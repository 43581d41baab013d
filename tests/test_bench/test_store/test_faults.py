"""Storage that fails: full, locked, read-only, of another version; clocks that jump; no memory."""

import random
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from test_bench.running_here import Here, results
from test_bench.test_workers.pool_work import hoard
from test_bench.tiny import hand_made
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.app import main as entry
from bench.errors import InputError, Unavailable
from bench.running.runner import Runner
from bench.store import database
from bench.store.schema import cells, importances, schema_table
from bench.store.store import SCHEMA_VERSION, Store
from bench.workers.pool import WorkerDied, WorkerPool
from bench.workers.progress import Silent


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/mln.db"


def run(store: Store, folder: Path) -> list[Any]:
    runner = Runner(hand_made(), store, folder, Here(), Silent())
    assert runner.run().missing == 0
    return results(store)


def test_a_full_disk_ends_in_one_line_and_the_run_continues(tmp_path: Path) -> None:
    whole = run(Store(url(tmp_path / "whole")), tmp_path)
    full = Store(url(tmp_path / "full"))

    @event.listens_for(full.engine, "connect")
    def limit(connection: Any, _record: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    full.engine.dispose()
    with pytest.raises(Unavailable, match=r"full; make room .* the same command continues"):
        run(full, tmp_path)
    assert run(Store(url(tmp_path / "full")), tmp_path) == whole


@pytest.mark.parametrize("pages", [2, 5, 9, 14])
def test_a_disk_that_is_full_before_there_is_a_table(tmp_path: Path, pages: int) -> None:
    def limit(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "connect", limit)
    try:
        with pytest.raises(InputError, match="full; make room") as caught:
            Store(url(tmp_path))
    finally:
        event.remove(Engine, "connect", limit)
    assert str(caught.value).count("storage") == 1
    with closing(sqlite3.connect(tmp_path / "mln.db")) as other:
        assert not other.execute("select name from sqlite_master").fetchall()
    with closing(Store(url(tmp_path))) as store:
        assert [row["version"] for row in store.rows(schema_table)] == [SCHEMA_VERSION]


def test_tables_that_were_left_half_made_are_finished(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mln.db")) as other:
        other.execute("create table mln_schema (version integer primary key)")
    with pytest.raises(InputError, match="no MLN-Bench results"):
        Store(url(tmp_path), create=False)
    with closing(Store(url(tmp_path))) as store:
        assert store.rows(cells) == []
        assert [row["version"] for row in store.rows(schema_table)] == [SCHEMA_VERSION]


def test_a_storage_that_another_process_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 200)
    store = Store(url(tmp_path))
    with closing(sqlite3.connect(tmp_path / "mln.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(Unavailable, match="locked; another process has held it"):
            store.put(importances, [{"study": "s", "values": {}}])
        ended = CliRunner().invoke(app, ["doctor", "--json", "--storage", url(tmp_path)])
        assert ended.exit_code == 1
        assert "database is locked" in ended.stdout
        other.execute("rollback")
    store.put(importances, [{"study": "s", "values": {}}])
    assert len(store.rows(importances)) == 1


def test_a_file_that_may_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(url(tmp_path)).close()
    store = Store(url(tmp_path))

    @event.listens_for(store.engine, "connect")
    def read_only(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA query_only = 1")

    store.engine.dispose()
    with pytest.raises(Unavailable, match=r"readonly database; make the file .* writable"):
        store.put(importances, [{"study": "s", "values": {}}])
    assert store.rows(importances) == []


def test_a_database_from_before_policies_is_refused_and_not_touched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mln.db")) as old:
        old.executescript(
            "create table mln_schema (version integer primary key);"
            "insert into mln_schema values (1);"
            "create table mln_cells (key varchar(64) primary key, task varchar(200));"
            "create table mln_grid (fingerprint varchar(64), lr_policy varchar(10));"
            "create table mln_tunings (key varchar(64) primary key, score float);"
        )
        before = list(old.iterdump())
    wanted = (
        f"storage {url(tmp_path)}: has schema version 1, written by an earlier version of "
        "MLN-Bench; this one reads schema version 2. Nothing was changed: use the MLN-Bench that "
        "wrote it, or another --storage"
    )
    for create in (True, False):
        with pytest.raises(InputError) as caught:
            Store(url(tmp_path), create=create)
        assert str(caught.value) == wanted
    with closing(sqlite3.connect(tmp_path / "mln.db")) as plain:
        assert list(plain.iterdump()) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody can write to")
def test_a_folder_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for option in ("--storage=sqlite:////proc/mln.db", "--artifacts=/proc/artifacts"):
        monkeypatch.setattr(sys, "argv", ["mln-bench", "run", "quickstart", option])
        with pytest.raises(SystemExit) as ended:
            entry()
        said = capsys.readouterr().err
        assert ended.value.code == 2
        assert len(said.splitlines()) == 1, said
        assert "/proc" in said


@pytest.mark.parametrize(
    ("version", "age"), [(SCHEMA_VERSION - 1, "an earlier"), (SCHEMA_VERSION + 1, "a later")]
)
def test_a_database_of_another_schema_is_refused_and_not_touched(
    version: int, age: str, tmp_path: Path
) -> None:
    with closing(Store(url(tmp_path))) as store, store.transaction() as connection:
        connection.execute(schema_table.update().values(version=version))
        connection.execute(text("drop table mln_units"))
    with closing(sqlite3.connect(tmp_path / "mln.db")) as plain:
        before = list(plain.iterdump())
    for create in (True, False):
        with pytest.raises(InputError, match=rf"written by {age} version of .*Nothing was changed"):
            Store(url(tmp_path), create=create)
    with closing(sqlite3.connect(tmp_path / "mln.db")) as plain:
        assert list(plain.iterdump()) == before


def test_clocks_that_jump_change_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steady = run(Store(url(tmp_path / "steady")), tmp_path)
    rng = random.Random(8)
    monkeypatch.setattr(time, "time", lambda: rng.uniform(-1e9, 4e9))
    assert run(Store(url(tmp_path / "jumping")), tmp_path) == steady


def test_a_result_is_never_replaced_by_a_failure(tmp_path: Path) -> None:
    about = {"task": "t", "learner": "l", "loss": "ce", "seed": 0, "lr": 0.1, "parameter": None}
    empty: dict[str, Any] = {"unit": "u", "inner": {}, "metrics": {}, "curve": {}}
    empty |= {"provenance": {}, "detail": ""}
    store = Store(url(tmp_path))
    for status in ("failed", "done", "failed"):
        row = about | empty | {"key": "k", "status": status}
        store.put(cells, [row], replace=cells.c.status == "failed")
    assert [row["status"] for row in store.rows(cells)] == ["done"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_a_worker_out_of_memory_fails_its_job_alone() -> None:
    with WorkerPool(2) as pool:
        ended = {item.job: item for item in pool.run(hoard, ["little", "raise", "die", "more"])}
    assert isinstance(ended["raise"].error, MemoryError)
    assert isinstance(ended["die"].error, WorkerDied)
    assert (ended["little"].result, ended["more"].result) == (6, 4)
