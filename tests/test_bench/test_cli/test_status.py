"""The verb `status`."""

import json
import time
from pathlib import Path

import pytest
from test_bench.test_cli.calling import SMALL_RUN, Cli, Stored

from bench.experiment.model import load
from bench.store.schema import cells, grid
from bench.store.store import Store


def test_a_finished_experiment_has_nothing_missing(run_cli: Cli, benchmarked: Stored) -> None:
    (row,) = json.loads(run_cli("status", *SMALL_RUN, "--json", benchmarked.option).out)
    assert row == {
        "evolved_losses": "0 of 0",
        "done": 2 * 3 * 7,
        "diverged": 0,
        "failed": 0,
        "missing": 0,
        "seconds_left": 0.0,
    }
    shown = run_cli("status", *SMALL_RUN, "--watch", benchmarked.option)
    assert shown.code == 0
    assert shown.out.count("Experiment run") == 1


def test_it_watches_until_all_is_done(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("tasks=['spirals']", "losses=['ce', 'mse']", "seeds=1", "evolved=false")
    overrides = [f"benchmark.{name}" for name in names]
    wanted = load("run", overrides).fingerprint()
    store = Store(f"sqlite:///{tmp_path}/mln.db")
    missing = [(loss, policy) for loss in ("ce", "mse") for policy in ("tuned", "common")]

    def another_cell(_seconds: float) -> None:
        loss, policy = missing.pop()
        place = {"task": "spirals", "learner": "mlp", "loss": loss, "seed": 0}
        key = {"fingerprint": wanted, "policy": policy, "cell": f"{loss} {policy}"}
        store.put(grid, [place | key])
        outcome = {"metrics": {}, "curve": {}, "provenance": {"seconds": 1.0}, "detail": ""}
        about = {"key": key["cell"], "status": "done", "lr": 0.1, "parameter": None}
        store.put(cells, [place | outcome | about])

    monkeypatch.setattr(time, "sleep", another_cell)
    options = [f"--set={override}" for override in overrides]
    ended = run_cli("status", "run", "--json", f"--storage={store.url}", "--watch", *options)
    assert ended.code == 0
    shown, rest = [], ended.out.strip()
    while rest:
        (row,), end = json.JSONDecoder().raw_decode(rest)
        shown.append(row["missing"])
        rest = rest[end:].strip()
    assert shown == [4, 3, 2, 1, 0]
