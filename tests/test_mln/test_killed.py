"""A run that is killed at random moments and continued gives the same bits."""

import multiprocessing
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
from test_mln.killed_run import as_arrays, attempt, run

# The server has imported torch: a process is there at once, and dies as any other does.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["test_mln.killed_run"])


def start(folder: Path, coevolution: str) -> tuple[BaseProcess, Connection]:
    progress, theirs = CONTEXT.Pipe(duplex=False)
    files = folder / "run.safetensors", folder / "result.npz"
    process = CONTEXT.Process(target=attempt, args=(*files, coevolution, theirs))
    process.start()
    theirs.close()
    return process, progress


def kill_and_continue(folder: Path, coevolution: str, kills: int) -> tuple[int, dict]:
    """Let the run begin `kills` times and kill it; then let it finish."""
    rng = np.random.default_rng([5, kills])
    killed = 0
    for _ in range(kills):
        process, progress = start(folder, coevolution)
        # A few generations, and then anywhere within the next: its file is written there too.
        for _ in range(1 + int(rng.integers(0, 4))):
            progress.recv()
        time.sleep(float(rng.uniform(0, 0.06)))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
    process, progress = start(folder, coevolution)
    with suppress(EOFError):
        while True:
            progress.recv()
    process.join()
    assert process.exitcode == 0
    with np.load(folder / "result.npz") as arrays:
        return killed, dict(arrays)


def check(folder: Path, coevolution: str, kills: int) -> None:
    killed, arrays = kill_and_continue(folder, coevolution, kills)
    print(f"{coevolution}: killed with SIGKILL {killed} times, continued {killed} times")
    assert killed == kills
    expected = as_arrays(run(coevolution, None, lambda _: None))
    assert arrays.keys() == expected.keys()
    for name, values in expected.items():
        assert np.array_equal(arrays[name], values), name


def test_killed_three_times(tmp_path: Path) -> None:
    check(tmp_path, "lifetime", 3)


@pytest.mark.slow
@pytest.mark.parametrize("coevolution", ["fresh", "persistent"])
def test_killed_twenty_times(tmp_path: Path, coevolution: str) -> None:
    check(tmp_path, coevolution, 20)
