"""The verb `status`."""

import json
import time
from pathlib import Path

import pytest
from test_bench.test_cli.calling import SMALL_RUN, Cli, Stored

from bench.experiment.model import load
from bench.store.schema import cells, units
from bench.store.store import Store


def test_a_finished_experiment_has_nothing_missing(run_cli: Cli, benchmarked: Stored) -> None:
    (row,) = json.loads(run_cli("status", *SMALL_RUN, "--json", benchmarked.option).out)
    assert row == {
        "evolved": 0,
        "evolutions": 0,
        "done": 3 * 2 * 7,
        "diverged": 0,
        "failed": 0,
        "missing": 0,
        "seconds_left": 0.0,
    }
    shown = run_cli("status", *SMALL_RUN, "--watch", benchmarked.option)
    assert shown.code == 0
    assert shown.out.count("Experiment quickstart") == 1


def test_it_watches_until_all_is_done(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("benchmark.tasks=['spirals']", "benchmark.losses=['ce', 'mse']", "benchmark.seeds=1")
    overrides = [*names, "tuning.rates=[0.01, 0.1]"]
    wanted = load("quickstart", overrides).fingerprint()
    store = Store(f"sqlite:///{tmp_path}/mln.db")
    missing = [(loss, lr) for loss in ("ce", "mse") for lr in (0.01, 0.1)]
    own = {"parameter": None, "is_tuned": True, "is_common": False}
    for loss in ("ce", "mse"):
        place = {"task": "spirals", "learner": "mlp", "loss": loss, "fingerprint": wanted}
        tried = [{"lr": lr} | own for lr in (0.01, 0.1)]
        store.put(units, [place | {"unit": loss, "configurations": tried}])

    def another_cell(_seconds: float) -> None:
        loss, lr = missing.pop()
        place = {"task": "spirals", "learner": "mlp", "loss": loss, "unit": loss, "seed": 0}
        outcome = {"metrics": {}, "inner": {}, "curve": {}, "detail": "", "status": "done"}
        about = {"key": f"{loss} {lr}", "lr": lr, "parameter": None}
        store.put(cells, [place | outcome | about | {"provenance": {"seconds": 1.0}}])

    monkeypatch.setattr(time, "sleep", another_cell)
    options = [f"--set={override}" for override in overrides]
    ended = run_cli("status", "quickstart", "--json", f"--storage={store.url}", "--watch", *options)
    assert ended.code == 0
    shown, rest = [], ended.out.strip()
    while rest:
        (row,), end = json.JSONDecoder().raw_decode(rest)
        shown.append(row["missing"])
        rest = rest[end:].strip()
    assert shown == [4, 3, 2, 1, 0]
