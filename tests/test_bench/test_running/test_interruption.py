"""A real process, interrupted or killed: its workers end too, and the same command continues."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = [
    str(Path(sys.executable).parent / "mln-bench"),
    "run",
    "quickstart",
    "--json",
    "--set=benchmark.tasks=['digits', 'spirals', 'moons']",
    "--set=benchmark.seeds=6",
    "--set=benchmark.training.steps=200",
    "--set=tuning.rates=[0.003, 0.01]",
]

DASK = ("--dask=local", "--jobs=2")


def children(pid: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for_the_end_of(pids: list[int]) -> None:
    """Orphans need a moment to notice; a test that hangs for a minute has found one."""
    for _ in range(600):
        if not any(alive(pid) for pid in pids):
            return
        time.sleep(0.1)
    raise AssertionError("worker processes outlived the command")


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks at processes through /proc")
@pytest.mark.parametrize(
    ("signal_number", "dask"),
    [
        (signal.SIGINT, False),
        pytest.param(signal.SIGTERM, False, marks=pytest.mark.slow),
        # In `make test` test_faults.py kills.
        pytest.param(signal.SIGKILL, False, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, True, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, True, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, True, marks=pytest.mark.slow),
    ],
)
def test_stopped_at_the_first_result_and_continued(
    signal_number: int, dask: bool, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [*COMMAND, *DASK] if dask else COMMAND,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background of a shell have Ctrl-C ignored, and so would the command.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    # After the note a line says that work has begun, the next that something of it is done.
    assert "too few" in process.stderr.readline()
    assert "started" in process.stderr.readline()
    process.stderr.readline()
    workers = children(process.pid)
    assert workers
    process.send_signal(signal_number)
    sent = time.monotonic()
    _, rest = process.communicate(timeout=60)
    print(f"signal {signal_number}: ended after {time.monotonic() - sent:.1f} s")
    if signal_number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert rest.endswith("interrupted; the same command continues\n")
    wait_for_the_end_of(workers)

    ended = subprocess.run(COMMAND, cwd=tmp_path, capture_output=True, text=True, check=True)
    (summary,) = json.loads(ended.stdout)
    assert summary == {"done": 3 * 5 * 6 * 2, "diverged": 0, "failed": 0, "missing": 0}
