"""The verb `run`."""

import json
import shlex

from test_bench.test_cli.calling import SMALL_RUN, Cli, Stored

CELLS = 2 * 3 * 7


def test_it_names_the_command_that_reports(benchmarked: Stored) -> None:
    code, out, err = benchmarked.ended
    assert code == 0
    assert "note: " not in err
    assert "benchmark: 100%" in err
    assert "Cells of all configurations" in out
    following = out.splitlines()[-1].removeprefix("Next:  ")
    storage = benchmarked.option.removeprefix("--storage=")
    overrides = [word.replace("=", " ", 1) for word in SMALL_RUN[1:]]
    expected = [part for override in overrides for part in override.split(" ", 1)]
    assert shlex.split(following) == [
        "mln-bench", "report", "quickstart", *expected, "--storage", storage
    ]  # fmt: skip


def test_what_is_done_is_not_done_again(run_cli: Cli, benchmarked: Stored) -> None:
    ended = run_cli("run", *SMALL_RUN, "--json", benchmarked.option)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out) == [{"done": CELLS, "diverged": 0, "failed": 0, "missing": 0}]
