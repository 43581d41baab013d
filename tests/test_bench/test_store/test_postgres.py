"""PostgreSQL as the store: the same rows as SQLite, several writers, a server that is killed."""

import json
import signal
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from postgres import PostgresServer
from sqlalchemy import func, inspect, select
from test_bench.running_here import results
from test_bench.tiny import hand_made

from bench.running.runner import Runner
from bench.running.status import describe, summary
from bench.store.schema import cells, importances
from bench.store.store import Store
from bench.workers.pool import WorkerPool
from bench.workers.progress import Silent

MLN_BENCH = str(Path(sys.executable).parent / "mln-bench")
COMMAND = [
    MLN_BENCH,
    "run",
    "quickstart",
    "--json",
    "--jobs=1",
    "--set=benchmark.tasks=['spirals']",
    "--set=benchmark.losses=['ce', 'mse']",
    "--set=benchmark.seeds=4",
    "--set=benchmark.training.steps=100",
    "--set=tuning.rates=[0.003, 0.01]",
]


def run(url: str, artifacts: Path) -> list[Any]:
    with closing(Store(url)) as store, WorkerPool(1) as pool:
        assert Runner(hand_made(), store, artifacts, pool, Silent()).run().missing == 0
        return results(store)


def test_the_rows_are_those_of_sqlite(postgres_url: str, tmp_path: Path) -> None:
    on_file = run(f"sqlite:///{tmp_path}/mln.db", tmp_path)
    assert run(postgres_url, tmp_path) == on_file != []
    with closing(Store(postgres_url)) as store:
        (index,) = inspect(store.engine).get_indexes("mln_cells")
        assert index["column_names"] == ["unit", "lr", "parameter", "status", "seed"]
        assert describe(hand_made(), store, tmp_path)["done"] == 12
        with store.transaction() as connection:
            connection.execute(cells.update().values(status="failed").where(cells.c.seed == 0))
        assert summary(hand_made(), store).failed == 4
    assert run(postgres_url, tmp_path) == on_file


def test_two_schedulers_on_one_database_never_double_a_cell(
    postgres_url: str, tmp_path: Path
) -> None:
    both = [
        subprocess.Popen(
            [*COMMAND, f"--storage={postgres_url}", f"--artifacts={tmp_path}/{name}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in "ab"
    ]
    for process in both:
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert json.loads(out) == [{"done": 16, "diverged": 0, "failed": 0, "missing": 0}]
    counts = select(func.count().label("rows"), func.count(cells.c.key.distinct()).label("keys"))
    with closing(Store(postgres_url)) as store:
        (row,) = store.query(counts)
    assert row["rows"] == row["keys"] <= 16


def test_many_processes_may_open_an_empty_database_at_once(postgres_url: str) -> None:
    errors: list[Exception] = []

    def open_it() -> None:
        try:
            Store(postgres_url).close()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_server_that_is_killed_and_started_again_is_waited_for(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    kept = 0
    with closing(Store(postgres_url)) as store:
        for number in range(3):
            store.put(importances, [{"study": f"before {number}", "values": {}}])
            postgres_server.stop(signal.SIGKILL)
            starting = threading.Thread(target=postgres_server.start)
            starting.start()
            store.put(importances, [{"study": f"while away {number}", "values": {}}])
            starting.join()
            kept += 2
            assert len(store.rows(importances)) == kept
    print(f"server killed 3 times, {kept} of {kept} rows kept")
