"""`doctor` finds what is wrong and names the remedy; `status --watch` looks until all is done."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.experiment.model import load
from bench.store.schema import cells, grid
from bench.store.store import SCHEMA_VERSION, Store
from mln.kernels.native import interface


def doctor(*options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    ended = CliRunner().invoke(app, ["doctor", "--json", *options])
    return ended.exit_code, {row["about"]: row for row in json.loads(ended.stdout)}


def test_a_machine_without_results_is_well(tmp_path: Path) -> None:
    code, found = doctor(f"--storage=sqlite:///{tmp_path}/mln.db", f"--artifacts={tmp_path}/a")
    assert code == 0
    assert {"torch", "kernel analytic", "C++ compiler", "processor", "disk"} <= found.keys()
    assert found["storage"]["state"] == "note"
    assert found["storage"]["remedy"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_has_a_remedy(tmp_path: Path) -> None:
    about = {"task": "t", "learner": "l", "loss": "ce", "seed": 0, "lr": 0.1, "parameter": None}
    empty: dict[str, Any] = {"metrics": {}, "curve": {}, "provenance": {}, "detail": ""}
    store = Store(f"sqlite:///{tmp_path}/mln.db")
    store.put(cells, [about | empty | {"key": "k", "status": "failed"}])
    store.close()
    stale = tmp_path / "checkpoints" / "old.safetensors"
    stale.parent.mkdir()
    stale.touch()
    os.utime(stale, (0, time.time() - 86_400))
    code, found = doctor(
        f"--storage={store.url}", f"--artifacts={tmp_path}", f"--data-root={tmp_path}/no"
    )
    assert code == 1
    assert f"schema version {SCHEMA_VERSION}" in found["storage"]["found"]
    assert found["cells"]["state"] == "problem"
    assert "1 failed" in found["cells"]["found"]
    assert found["checkpoints"]["found"].startswith("1 untouched")
    assert found["image data"]["state"] == "problem"
    assert all(row["remedy"] for row in found.values() if row["state"] != "ok")


def test_a_broken_storage_is_a_problem_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "mln.db").write_text("hello " * 500)
    code, found = doctor(f"--storage=sqlite:///{tmp_path}/mln.db")
    assert code == 1
    assert "not a database" in found["storage"]["found"]


def test_status_watches_until_all_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("tasks=['spirals']", "losses=['ce', 'mse']", "seeds=1", "evolved=false")
    overrides = [f"benchmark.{name}" for name in names]
    wanted = load("run", overrides).fingerprint()
    store = Store(f"sqlite:///{tmp_path}/mln.db")
    missing = [(loss, policy) for loss in ("ce", "mse") for policy in ("tuned", "common")]

    def another_cell(_seconds: float) -> None:
        loss, policy = missing.pop()
        place = {"task": "spirals", "learner": "mlp", "loss": loss, "seed": 0}
        key = {"fingerprint": wanted, "lr_policy": policy, "cell": f"{loss} {policy}"}
        store.put(grid, [place | key])
        outcome = {"metrics": {}, "curve": {}, "provenance": {"seconds": 1.0}, "detail": ""}
        about = {"key": key["cell"], "status": "done", "lr": 0.1, "parameter": None}
        store.put(cells, [place | outcome | about])

    monkeypatch.setattr(time, "sleep", another_cell)
    options = [f"--set={override}" for override in overrides]
    ended = CliRunner().invoke(
        app, ["status", "run", "--json", f"--storage={store.url}", "--watch", *options]
    )
    assert ended.exit_code == 0
    shown, rest = [], ended.stdout.strip()
    while rest:
        (row,), end = json.JSONDecoder().raw_decode(rest)
        shown.append(row["missing"])
        rest = rest[end:].strip()
    assert shown == [4, 3, 2, 1, 0]


def test_a_compiler_that_does_not_work_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", "false")
    interface.unavailable.cache_clear()
    try:
        code, found = doctor(f"--storage=sqlite:///{tmp_path}/mln.db")
    finally:
        interface.unavailable.cache_clear()
    assert code == 0
    assert found["kernel fused"]["state"] == "note"
    assert "CXX" in found["kernel fused"]["found"]
