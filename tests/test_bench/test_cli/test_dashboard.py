"""The verb `dashboard`: a real server on a free port."""

import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from test_bench.test_cli.calling import Stored


def test_it_serves_until_interrupted(ablated: Stored, tmp_path: Path) -> None:
    mln_bench = Path(sys.executable).parent / "mln-bench"
    with subprocess.Popen(
        [mln_bench, "dashboard", "--port=0", ablated.option],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets its background jobs, and so these tests, ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("The dashboard is at http://127.0.0.1:")
        with urlopen(line.split()[4]) as answer:
            assert answer.status == 200
        server.send_signal(signal.SIGINT)
        _, err = server.communicate(timeout=60)
    assert server.returncode == 130
    assert err == "interrupted; the same command continues\n"
