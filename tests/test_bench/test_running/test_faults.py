"""Faults of the machine: whatever dies, the same command ends with every cell once, and equal.

A run is a real command on a small grid. Kills come at random moments, drawn from a fixed seed.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from postgres import PostgresServer
from test_bench.running_here import results
from test_bench.test_running.test_interruption import children, wait_for_the_end_of

from bench.store.schema import cells
from bench.store.store import Store

FAST, SLOW = 1, 50
MLN_BENCH = str(Path(sys.executable).parent / "mln-bench")
CELLS = 2 * 3 * 3 * 2
GRID = (
    "run",
    "quickstart",
    "--json",
    "--set=benchmark.tasks=['spirals', 'moons']",
    "--set=benchmark.losses=['ce', 'mse', 'mae']",
    "--set=benchmark.seeds=3",
    "--set=benchmark.training.steps=300",
    "--set=tuning.rates=[0.003, 0.01]",
)
WHOLE = [{"done": CELLS, "diverged": 0, "failed": 0, "missing": 0}]

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes in /proc")


def start(folder: Path, url: str, jobs: int = 1) -> "subprocess.Popen[str]":
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.Popen(
        [MLN_BENCH, *GRID, f"--jobs={jobs}", f"--storage={url}"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder: Path, url: str) -> list[Any]:
    """Run the command to its end: every cell is there, once; what it stored."""
    process = start(folder, url)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert json.loads(out) == WHOLE
    with closing(Store(url)) as store:
        assert len({row["key"] for row in store.rows(cells)}) == len(store.rows(cells))
        return results(store)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    return finish(folder, f"sqlite:///{folder}/mln.db")


def first_line(process: "subprocess.Popen[str]") -> None:
    """Wait until work has begun; a note may come before."""
    assert process.stderr is not None
    while "started" not in (line := process.stderr.readline()):
        assert line.startswith("note: ")


def counted(kills: tuple[int, int]) -> Any:
    """The same test with few kills in `make test` and with many in `make test-slow`."""
    few, many = kills
    return pytest.mark.parametrize("kills", [few, pytest.param(many, marks=pytest.mark.slow)])


@counted((FAST, SLOW))
def test_the_main_process_is_killed(kills: int, tmp_path: Path, undisturbed: list[Any]) -> None:
    rng, url, killed = np.random.default_rng([8, kills]), f"sqlite:///{tmp_path}/mln.db", 0
    for _ in range(kills):
        process = start(tmp_path, url)
        first_line(process)
        workers = children(process.pid)
        time.sleep(float(rng.uniform(0, 4)))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        wait_for_the_end_of(workers)
        if process.returncode == 0:  # the grid was done: begin a new one
            Path(tmp_path / "mln.db").unlink()
    assert finish(tmp_path, url) == undisturbed
    print(f"main process killed {killed} times in {kills} runs; {CELLS} cells, each once, equal")


@pytest.mark.slow  # test_pool.py has the fast version
@pytest.mark.parametrize("kills", [SLOW])
def test_a_worker_is_killed(kills: int, tmp_path: Path, undisturbed: list[Any]) -> None:
    rng, killed = np.random.default_rng([9, kills]), 0
    for run in range(kills):
        url = f"sqlite:///{tmp_path}/{run}.db"
        process = start(tmp_path, url, jobs=2)
        first_line(process)
        time.sleep(float(rng.uniform(0, 5)))
        workers = worker_processes(process.pid)
        if workers:
            os.kill(workers[int(rng.integers(len(workers)))], signal.SIGKILL)
            killed += 1
        out, err = process.communicate(timeout=600)
        # A death is survived within the command: its job ran again, alone.
        assert (process.returncode, json.loads(out)) == (0, WHOLE), err
        with closing(Store(url)) as store:
            assert results(store) == undisturbed
    print(f"worker killed {killed} times in {kills} runs; {CELLS} cells each, once, equal")


def worker_processes(pid: int) -> list[int]:
    """Children that work; another child of multiprocessing only tracks its semaphores."""
    return [
        child
        for child in children(pid)
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


@counted((FAST, SLOW))
def test_the_database_server_is_killed(
    kills: int,
    tmp_path: Path,
    undisturbed: list[Any],
    postgres_server: PostgresServer,
    postgres_url: str,
) -> None:
    rng = np.random.default_rng([10, kills])
    for _ in range(kills):
        url = postgres_server.new_database()
        process = start(tmp_path, url)
        first_line(process)
        time.sleep(float(rng.uniform(0, 4)))
        postgres_server.stop(signal.SIGKILL)
        postgres_server.start()
        process.communicate(timeout=600)
        assert process.returncode in (0, 1)
        assert finish(tmp_path, url) == undisturbed
    print(f"database server killed and restarted {kills} times; {CELLS} cells each, once, equal")


def test_two_identical_commands_at_once(tmp_path: Path, undisturbed: list[Any]) -> None:
    url = f"sqlite:///{tmp_path}/mln.db"
    both = [start(tmp_path, url) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=600)
        assert (process.returncode, json.loads(out)) == (0, WHOLE), err
    with closing(Store(url)) as store:
        assert results(store) == undisturbed


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 2 MB in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no mount command")
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
def test_the_disk_is_full(small_disk: Path, undisturbed: list[Any]) -> None:
    url, filler, codes = f"sqlite:///{small_disk}/mln.db", small_disk / "filler", []
    for room in (20, 100, 200, 300, 400, 500, 600):
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize
        filler.write_bytes(bytes(max(free - room * 1024, 0)))
        process = start(small_disk, url)
        _, err = process.communicate(timeout=600)
        codes.append(process.returncode)
        if process.returncode != 0:
            assert "full" in err.splitlines()[-1]
            assert err.endswith("and the same command continues\n")
            assert "Traceback" not in err
        filler.unlink()
    assert finish(small_disk, url) == undisturbed
    print(f"disk full {sum(code != 0 for code in codes)} times in {len(codes)} runs; {CELLS} cells")
    assert {1, 2} <= set(codes)
